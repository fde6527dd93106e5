INSERT INTO publish_keys (kind, public_key)
VALUES ($1::text, $2::text)
    ON CONFLICT (kind, public_key) DO UPDATE
   SET until = NULL, announced = false, since = CASE WHEN publish_keys.announced THEN now() ELSE publish_keys.since END
 WHERE publish_keys.until IS NOT NULL OR publish_keys.announced
