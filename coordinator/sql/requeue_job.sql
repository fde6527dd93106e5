UPDATE jobs SET state = $2::smallint, infra_failures = $3::integer, worker_failures = $4::integer WHERE id = $1::bigint
