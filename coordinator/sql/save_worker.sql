INSERT INTO workers (name, hello) VALUES ($1::text, $2::jsonb)
ON CONFLICT (name) DO UPDATE SET hello = excluded.hello, last_seen_at = now()
RETURNING draining, drain_change
