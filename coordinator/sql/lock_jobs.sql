-- The job's row is the mutex of all that concerns the job; always in id order.
SELECT id, state, infra_failures, worker_failures, cancel_requested
  FROM jobs
 WHERE id = ANY ($1::bigint[])
 ORDER BY id
   FOR NO KEY UPDATE
