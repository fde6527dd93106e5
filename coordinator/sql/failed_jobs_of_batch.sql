SELECT j.id, j.module, j.version, j.target, j.toolset, j.recipe_digest
  FROM batch_jobs b
  JOIN jobs j ON j.id = b.job_id
 WHERE b.batch_id = $1::bigint AND j.state IN (4, 6)
 ORDER BY j.id
