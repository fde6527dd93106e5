-- Read before join_jobs and join_newer_jobs: a new job gets the generation after this one, so that what somebody else made
-- in between is a conflict, and never a second job beside it.
SELECT w.digest, coalesce(latest.generation, 0) AS generation
  FROM unnest($1::text[]) AS w (digest)
  LEFT JOIN LATERAL (
       SELECT g.generation FROM jobs g WHERE g.recipe_digest = w.digest ORDER BY g.generation DESC LIMIT 1)
       AS latest ON true
