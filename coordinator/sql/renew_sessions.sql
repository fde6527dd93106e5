UPDATE sessions SET lease_expires_at = now() + $2::double precision * interval '1 second'
 WHERE id = ANY ($1::bigint[])
RETURNING id
