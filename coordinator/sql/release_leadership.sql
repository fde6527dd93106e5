UPDATE coordinator SET lease_expires_at = now() WHERE epoch = $1::bigint
