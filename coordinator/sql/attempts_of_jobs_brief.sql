-- Without what only one job's page shows: a variant's commands and its go.mod may be megabytes.
SELECT job_id, token, worker, outcome, (extract(epoch FROM started_at) * 1000000)::bigint AS started_us,
       (extract(epoch FROM ended_at) * 1000000)::bigint AS ended_us, failure_class, failure_detail,
       (SELECT coalesce(jsonb_agg(v.variant - '{argv,environment,go_mod,working_directory}'::text[] ORDER BY v.place), '[]')
          FROM jsonb_array_elements(variants) WITH ORDINALITY AS v (variant, place)) AS variants,
       phases, facts, peak_memory_bytes, cpu_seconds
  FROM attempts
 WHERE job_id = ANY ($1::bigint[])
 ORDER BY job_id, token
