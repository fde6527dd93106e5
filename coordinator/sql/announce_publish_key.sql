INSERT INTO publish_keys (kind, public_key, since, announced)
VALUES ($1::text, $2::text, now() + $3::bigint * interval '1 microsecond', true)
    ON CONFLICT DO NOTHING
