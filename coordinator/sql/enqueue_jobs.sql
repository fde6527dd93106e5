-- Each is its submitter's who first wanted it: its batches are linked before.
INSERT INTO queue (job_id, priority, submitter, labels)
SELECT j.id, j.priority, b.submitter, b.labels
  FROM jobs j
 CROSS JOIN LATERAL (SELECT min(l.batch_id) AS id FROM batch_jobs l WHERE l.job_id = j.id) AS first
  JOIN batches b ON b.id = first.id
 WHERE j.id = ANY ($1::bigint[])
