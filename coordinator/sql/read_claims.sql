SELECT q.job_id, q.running, coalesce(q.offered_token, l.token, 0) AS token,
       coalesce(q.offered_session, l.session_id, 0) AS session_id
  FROM queue q
  LEFT JOIN leases l ON l.job_id = q.job_id
 WHERE q.job_id = ANY ($1::bigint[])
