UPDATE jobs j SET cancel_requested = true
  FROM leases l
 WHERE j.id = ANY ($1::bigint[]) AND j.state = 2 AND l.job_id = j.id
RETURNING l.token, j.id
