SELECT EXISTS (SELECT FROM releases r WHERE r.token = $1::bigint AND r.withdrawn_at IS NULL)
