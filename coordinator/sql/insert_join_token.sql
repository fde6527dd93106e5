INSERT INTO join_tokens (secret_sha256, role, name, created_by, expires_at, uses)
VALUES ($1::text, $2::smallint, $3::text, $4::text, now() + $5::double precision * interval '1 second', $6::integer)
RETURNING id
