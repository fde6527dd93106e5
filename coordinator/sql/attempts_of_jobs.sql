SELECT a.job_id, a.token, a.worker, a.outcome, (extract(epoch FROM a.started_at) * 1000000)::bigint AS started_us,
       (extract(epoch FROM a.ended_at) * 1000000)::bigint AS ended_us, a.failure_class, a.failure_detail,
       coalesce(r.document, '{}') AS report
  FROM attempts a
  LEFT JOIN reports r ON r.token = a.token
 WHERE a.job_id = ANY ($1::bigint[])
 ORDER BY a.job_id, a.token
