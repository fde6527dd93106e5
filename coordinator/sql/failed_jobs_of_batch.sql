SELECT j.id, j.module, j.version, j.target, j.toolset, j.recipe_digest, coalesce(j.rebuild_of, 0) AS rebuild_of
  FROM batch_jobs b
  JOIN jobs j ON j.id = b.job_id
 WHERE b.batch_id = $1::bigint AND j.state IN (4, 6)
 ORDER BY j.id
