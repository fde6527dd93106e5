-- The latest generation of each recipe, when a new submission takes it as its own (domain/retry_policy.h says when). FOR
-- KEY SHARE: whoever cancels one waits for us and then sees our link; what was cancelled meanwhile drops out here.
SELECT j.recipe_digest, j.id, j.state
  FROM unnest($1::text[]) AS w (digest)
 CROSS JOIN LATERAL (
       SELECT g.id FROM jobs g WHERE g.recipe_digest = w.digest ORDER BY g.generation DESC LIMIT 1) AS latest
  JOIN jobs j ON j.id = latest.id
 WHERE (j.state IN (1, 2, 3, 4, 5) OR (j.state = 6 AND j.failure_class = ANY ($2::smallint[])))
   AND NOT j.cancel_requested
   FOR KEY SHARE OF j
