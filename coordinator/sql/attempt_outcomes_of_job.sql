SELECT token, outcome FROM attempts WHERE job_id = $1::bigint ORDER BY token
