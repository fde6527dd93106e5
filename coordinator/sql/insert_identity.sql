INSERT INTO identities (role, name, key_sha256, token_id, expires_at)
VALUES ($1::smallint, $2::text, $3::text, $4::bigint, to_timestamp($5::double precision))
RETURNING id
