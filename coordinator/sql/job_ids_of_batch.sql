SELECT job_id
  FROM batch_jobs
 WHERE batch_id = $1::bigint AND job_id > $2::bigint
 ORDER BY job_id
 LIMIT $3::bigint
