UPDATE sessions SET lease_expires_at = now() + $1::double precision * interval '1 second'
