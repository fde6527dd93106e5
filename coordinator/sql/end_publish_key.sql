UPDATE publish_keys SET until = now() WHERE kind = $1::text AND until IS NULL AND public_key <> $2::text
