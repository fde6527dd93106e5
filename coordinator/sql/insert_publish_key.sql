INSERT INTO publish_keys (kind, public_key)
VALUES ($1::text, $2::text)
    ON CONFLICT (kind, public_key) DO UPDATE SET until = NULL WHERE publish_keys.until IS NOT NULL
