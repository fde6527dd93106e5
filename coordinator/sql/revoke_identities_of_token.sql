UPDATE identities SET revoked_at = now() WHERE token_id = $1::bigint AND revoked_at IS NULL
RETURNING id, name
