UPDATE sessions SET lease_expires_at = lease_expires_at + $1::double precision * interval '1 second'
