UPDATE coordinator SET renewed_at = now() WHERE epoch = $1::bigint
