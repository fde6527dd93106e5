SELECT w.id
  FROM unnest($1::bigint[]) AS w (id)
 WHERE NOT EXISTS (
       SELECT 1 FROM batch_jobs o JOIN batches b ON b.id = o.batch_id
        WHERE o.job_id = w.id AND b.cancelled_at IS NULL)
 ORDER BY w.id
