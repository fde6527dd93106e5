-- Those that nobody cancelled and whose counts are not kept: all that run, and what ended and was not looked at since.
-- Which ones first: counts are made of those alone.
WITH newest AS MATERIALIZED (
    SELECT b.id
      FROM batches b
     WHERE b.cancelled_at IS NULL
       AND ($2::bigint = 0 OR b.id < $2::bigint)
       AND NOT EXISTS (SELECT 1 FROM batch_counts k WHERE k.batch_id = b.id)
     ORDER BY b.id DESC
     LIMIT nullif($1::bigint, 0))
SELECT s.id, s.name, s.submitter, s.state, (extract(epoch FROM s.created_at) * 1000000)::bigint AS created_us,
       s.queued, s.running, s.built, s.partial, s.nothing_to_build, s.failed, s.cancelled, s.executables, s.kept
  FROM newest
  JOIN batch_summaries s ON s.id = newest.id
 ORDER BY s.id DESC
