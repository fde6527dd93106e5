INSERT INTO sessions (worker, instance, epoch, lease_expires_at, details, secret_sha256)
VALUES ($1::text, $2::text, $3::bigint, now() + $4::double precision * interval '1 second', $5::jsonb, $6::text)
RETURNING id
