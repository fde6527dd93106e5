UPDATE coordinator SET lease_expires_at = now() + $2::double precision * interval '1 second'
 WHERE epoch = $1::bigint
RETURNING epoch
