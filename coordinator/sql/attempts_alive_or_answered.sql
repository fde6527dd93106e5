SELECT a.token
  FROM unnest($1::bigint[], $2::bigint[]) AS w (token, job_id)
  JOIN attempts a ON a.token = w.token AND a.job_id = w.job_id
 WHERE a.outcome <> 7
