DELETE FROM queue WHERE job_id = ANY ($1::bigint[])
