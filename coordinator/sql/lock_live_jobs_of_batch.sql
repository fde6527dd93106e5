SELECT j.id
  FROM batch_jobs b
  JOIN jobs j ON j.id = b.job_id
 WHERE b.batch_id = $1::bigint AND j.state IN (1, 2)
 ORDER BY j.id
   FOR UPDATE OF j
