SELECT 1 FROM queue WHERE job_id = $2::bigint AND offered_token = $1::bigint
