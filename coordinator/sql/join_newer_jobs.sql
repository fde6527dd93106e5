-- For a retry: a later generation of the same recipe that is under way or came out well.
SELECT o.id AS old_id, j.id, j.module, j.version, j.target
  FROM jobs o
 CROSS JOIN LATERAL (
       SELECT g.id, g.generation FROM jobs g WHERE g.recipe_digest = o.recipe_digest ORDER BY g.generation DESC LIMIT 1)
       AS latest
  JOIN jobs j ON j.id = latest.id
 WHERE o.id = ANY ($1::bigint[]) AND j.generation > o.generation AND j.state IN (1, 2, 3, 5) AND NOT j.cancel_requested
   FOR KEY SHARE OF j
