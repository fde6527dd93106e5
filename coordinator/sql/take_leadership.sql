UPDATE coordinator SET epoch = epoch + 1, holder = $1::text, renewed_at = now() RETURNING epoch
