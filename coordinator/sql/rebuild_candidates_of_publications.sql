-- The jobs of these publications' executables, also of those that wait beside what is published.
SELECT DISTINCT j.id, j.module, j.version, j.target, j.toolset, j.recipe_digest, a.worker
  FROM publications p
  JOIN attempts a ON a.token = p.token
  JOIN jobs j ON j.id = a.job_id AND j.result_token = a.token
 WHERE p.id = ANY ($1::bigint[]) AND NOT p.withdraw
 ORDER BY j.id
