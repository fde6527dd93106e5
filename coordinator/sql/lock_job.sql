SELECT id, state, module, version, target, toolset, recipe_digest, coalesce(rebuild_of, 0) AS rebuild_of
  FROM jobs
 WHERE id = $1::bigint
   FOR UPDATE
