-- On workers that could take the job that is built again, and rather not on the one that built it.
INSERT INTO queue (job_id, priority, submitter, labels, avoid_worker)
SELECT j.id, j.priority, $2::text, b.labels, a.worker
  FROM jobs j
  JOIN jobs o ON o.id = j.rebuild_of
  JOIN attempts a ON a.token = o.result_token
 CROSS JOIN LATERAL (SELECT min(l.batch_id) AS id FROM batch_jobs l WHERE l.job_id = o.id) AS first
  JOIN batches b ON b.id = first.id
 WHERE j.id = ANY ($1::bigint[])
