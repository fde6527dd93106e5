UPDATE coordinator SET lease_expires_at = '-infinity' WHERE epoch = $1::bigint
