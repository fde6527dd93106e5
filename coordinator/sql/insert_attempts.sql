INSERT INTO attempts (token, job_id, worker)
SELECT a.token, a.job_id, a.worker FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS a (token, job_id, worker)
