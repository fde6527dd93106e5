-- Which ones first: counts are made of those alone.
WITH newest AS MATERIALIZED (
    SELECT id FROM batches WHERE $2::bigint = 0 OR id < $2::bigint ORDER BY id DESC LIMIT nullif($1::bigint, 0))
SELECT s.id, s.name, s.submitter, s.state, (extract(epoch FROM s.created_at) * 1000000)::bigint AS created_us,
       s.queued, s.running, s.built, s.partial, s.nothing_to_build, s.failed, s.cancelled, s.executables, s.kept
  FROM newest
  JOIN batch_summaries s ON s.id = newest.id
 ORDER BY s.id DESC
