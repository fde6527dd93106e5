INSERT INTO farm (farm_id, authority_sha256) VALUES ($1::text, $2::text)
ON CONFLICT (only_row) DO NOTHING
