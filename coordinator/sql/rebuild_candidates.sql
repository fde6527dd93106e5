-- Jobs whose executables stand for their programs, by id: those of a recipe digest below $2, of a module, and of a version
-- where it is given. $5: only those of which no rebuild was ever made.
SELECT j.id, j.module, j.version, j.target, j.toolset, j.recipe_digest, a.worker
  FROM jobs j
  JOIN attempts a ON a.token = j.result_token
 WHERE j.id > $1::bigint AND j.state IN (3, 4) AND j.recipe_digest COLLATE "C" < $2::text
   AND ($3::text = '' OR j.module = $3::text) AND ($4::text = '' OR j.version = $4::text)
   AND EXISTS (SELECT FROM releases r WHERE r.token = j.result_token AND r.withdrawn_at IS NULL)
   AND (NOT $5::boolean OR NOT EXISTS (SELECT FROM jobs b WHERE b.rebuild_of = j.id))
 ORDER BY j.id
 LIMIT $6::integer
