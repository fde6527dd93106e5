SELECT answered_state, outcome, failure_class
  FROM attempts
 WHERE token = $1::bigint AND job_id = $2::bigint AND answered_state IS NOT NULL
