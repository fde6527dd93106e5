UPDATE farm SET outgoing_sha256 = NULL
 WHERE authority_sha256 = $1::text AND outgoing_sha256 = $2::text
RETURNING farm_id
