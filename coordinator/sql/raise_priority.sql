UPDATE queue SET priority = $2::integer WHERE job_id = ANY ($1::bigint[]) AND priority < $2::integer
RETURNING job_id
