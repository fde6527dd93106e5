UPDATE identities SET revoked_at = now() WHERE id = $1::bigint AND revoked_at IS NULL
RETURNING id
