-- Ended batches without kept counts, oldest first. The queue holds all jobs that are not ended.
SELECT b.id
  FROM batches b
 WHERE b.id > $1::bigint
   AND NOT EXISTS (SELECT 1 FROM batch_counts k WHERE k.batch_id = b.id)
   AND NOT EXISTS (
       SELECT 1 FROM queue q JOIN batch_jobs o ON o.job_id = q.job_id WHERE o.batch_id = b.id OFFSET 0)
 ORDER BY b.id
 LIMIT $2::bigint
