INSERT INTO leases (token, job_id, session_id)
SELECT a.token, a.job_id, a.session_id FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS a (token, job_id, session_id)
