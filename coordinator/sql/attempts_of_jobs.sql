SELECT job_id, token, worker, outcome, (extract(epoch FROM started_at) * 1000000)::bigint AS started_us,
       (extract(epoch FROM ended_at) * 1000000)::bigint AS ended_us, failure_class, failure_detail, variants, phases, facts,
       peak_memory_bytes, cpu_seconds
  FROM attempts
 WHERE job_id = ANY ($1::bigint[])
 ORDER BY job_id, token
