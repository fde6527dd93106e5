UPDATE identities SET last_seen_at = now() WHERE id = ANY ($1::bigint[])
