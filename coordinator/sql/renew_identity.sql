UPDATE identities SET expires_at = to_timestamp($2::double precision), authority_sha256 = $3::text
 WHERE id = $1::bigint AND revoked_at IS NULL
RETURNING id
