UPDATE workers SET report = $2::jsonb, last_seen_at = now() WHERE name = $1::text
