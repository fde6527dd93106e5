SELECT q.job_id, j.module, j.version, j.target, j.toolset, j.recipe_digest, q.priority,
       (extract(epoch FROM q.queued_at) * 1000000)::bigint AS queued_us,
       (extract(epoch FROM q.not_before - now()) * 1000)::bigint AS wait_ms, q.avoid_worker,
       q.submitter, q.labels, q.memory_bytes, j.rebuild_of IS NOT NULL AS is_rebuild,
       l.token, l.session_id, (extract(epoch FROM now() - a.started_at) * 1000000)::bigint AS age_us, j.cancel_requested
  FROM leases l
  JOIN queue q ON q.job_id = l.job_id
  JOIN jobs j ON j.id = l.job_id
  JOIN attempts a ON a.token = l.token
 WHERE l.token = ANY ($1::bigint[])
 ORDER BY l.token
