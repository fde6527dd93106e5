UPDATE farm SET authority_sha256 = $2::text, outgoing_sha256 = $1::text
 WHERE authority_sha256 = $1::text AND outgoing_sha256 IS NULL
RETURNING farm_id
