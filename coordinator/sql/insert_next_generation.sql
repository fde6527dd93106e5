INSERT INTO jobs (recipe_digest, generation, module, version, target, toolset, priority)
SELECT o.recipe_digest, w.generation, o.module, o.version, o.target, o.toolset, o.priority
  FROM unnest($1::bigint[], $2::integer[]) AS w (id, generation)
  JOIN jobs o ON o.id = w.id
 ORDER BY o.id
ON CONFLICT (recipe_digest, generation) DO NOTHING
RETURNING recipe_digest, id, module, version, target
