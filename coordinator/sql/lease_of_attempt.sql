SELECT a.worker
  FROM leases l
  JOIN attempts a ON a.token = l.token
 WHERE l.token = $1::bigint AND l.job_id = $2::bigint
