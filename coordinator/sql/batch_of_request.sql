SELECT s.id, s.name, s.submitter, s.state, (extract(epoch FROM s.created_at) * 1000000)::bigint AS created_us,
       s.queued, s.running, s.built, s.partial, s.nothing_to_build, s.failed, s.cancelled, s.executables, s.kept,
       coalesce(b.content_sha256, '') AS content_sha256
  FROM batches b
  JOIN batch_summaries s ON s.id = b.id
 WHERE b.request_id = $1::text
