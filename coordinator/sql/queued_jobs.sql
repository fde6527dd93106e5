SELECT q.job_id, j.module, j.version, j.target, j.toolset, j.recipe_digest, q.priority,
       (extract(epoch FROM q.queued_at) * 1000000)::bigint AS queued_us,
       (extract(epoch FROM q.not_before - now()) * 1000)::bigint AS wait_ms, q.avoid_worker,
       q.submitter, q.labels, q.memory_bytes, j.rebuild_of IS NOT NULL AS is_rebuild
  FROM queue q
  JOIN jobs j ON j.id = q.job_id
 WHERE q.job_id = ANY ($1::bigint[])
