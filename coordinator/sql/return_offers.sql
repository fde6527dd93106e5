UPDATE queue q SET offered_token = NULL, offered_session = NULL
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS o (token, job_id, session_id)
 WHERE q.job_id = o.job_id AND q.offered_token = o.token AND q.offered_session = o.session_id
RETURNING o.token
