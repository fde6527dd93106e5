INSERT INTO batch_jobs (batch_id, job_id) SELECT $1::bigint, unnest($2::bigint[])
