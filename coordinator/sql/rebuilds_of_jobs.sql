-- Of jobs that were built again, and of the rebuilds themselves, by executable and time.
SELECT j.id AS job_id, b.import_path, b.reproduced, b.detail, a.job_id AS rebuild_id, a.worker,
       (extract(epoch FROM a.ended_at) * 1000000)::bigint AS ended_us
  FROM jobs j
 CROSS JOIN LATERAL (
       SELECT o.* FROM rebuilds o WHERE o.of_token = j.result_token
        UNION ALL
       SELECT n.* FROM rebuilds n WHERE n.token = j.result_token) AS b
  JOIN attempts a ON a.token = b.token
 WHERE j.id = ANY ($1::bigint[])
 ORDER BY j.id, b.import_path, b.token
