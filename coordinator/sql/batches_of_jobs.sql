SELECT job_id, batch_id FROM batch_jobs WHERE job_id = ANY ($1::bigint[]) ORDER BY job_id, batch_id
