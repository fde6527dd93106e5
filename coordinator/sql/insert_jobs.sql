-- In the order given, so that a module's targets stand side by side in the queue. A generation that somebody else made in
-- the same moment is left out of the answer.
INSERT INTO jobs (recipe_digest, generation, module, version, target, toolset, priority)
SELECT w.digest, w.generation, w.module, w.version, w.target, $6::text, $7::integer
  FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::smallint[])
       WITH ORDINALITY AS w (digest, generation, module, version, target, place)
 ORDER BY w.place
ON CONFLICT (recipe_digest, generation) DO NOTHING
RETURNING recipe_digest, id
