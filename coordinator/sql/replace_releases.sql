-- What was parked because it differs takes the place of what stands for its program.
UPDATE releases r
   SET token = p.token
  FROM publications p
 WHERE p.id = ANY ($1::bigint[]) AND p.state = 3 AND p.failure_class = 'differs' AND p.release_id = r.id
   AND r.withdrawn_at IS NULL
RETURNING r.id
