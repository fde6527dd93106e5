INSERT INTO queue (job_id, priority)
SELECT j.id, j.priority FROM jobs j WHERE j.id = ANY ($1::bigint[])
