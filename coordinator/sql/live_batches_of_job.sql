SELECT b.id
  FROM batch_jobs o
  JOIN batches b ON b.id = o.batch_id
 WHERE o.job_id = $1::bigint AND b.cancelled_at IS NULL
 ORDER BY b.id
   FOR NO KEY UPDATE OF b
