SELECT l.token, l.job_id, l.session_id, a.worker
  FROM leases l
  JOIN attempts a ON a.token = l.token
 WHERE l.session_id = ANY ($1::bigint[])
 ORDER BY l.job_id
