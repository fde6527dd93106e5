-- Those that a retry holds right now are left out: it changes what would be kept.
SELECT b.id
  FROM batches b
 WHERE b.id = ANY ($1::bigint[]) AND NOT EXISTS (SELECT 1 FROM batch_counts k WHERE k.batch_id = b.id)
 ORDER BY b.id
   FOR NO KEY UPDATE OF b SKIP LOCKED
