-- Of jobs whose rows are locked, so that no two callers number one generation; the digest is that of domain/rebuild.h.
INSERT INTO jobs (recipe_digest, generation, module, version, target, toolset, priority, rebuild_of)
SELECT w.digest,
       1 + coalesce((SELECT max(g.generation) FROM jobs g WHERE g.recipe_digest = w.digest), 0),
       o.module, o.version, o.target, o.toolset, $3::integer, o.id
  FROM unnest($1::bigint[], $2::text[]) AS w (id, digest)
  JOIN jobs o ON o.id = w.id
 ORDER BY o.id
RETURNING id, module, version, target
