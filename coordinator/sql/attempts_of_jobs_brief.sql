-- Without what only one job's page shows: programs, and a variant's commands and its go.mod, may be megabytes.
SELECT a.job_id, a.token, a.worker, a.outcome, (extract(epoch FROM a.started_at) * 1000000)::bigint AS started_us,
       (extract(epoch FROM a.ended_at) * 1000000)::bigint AS ended_us, a.failure_class, a.failure_detail,
       coalesce(r.document - '{executables,dependencies,failed_programs}'::text[] || jsonb_build_object('variants',
         (SELECT jsonb_agg(v.variant - '{argv,environment,go_mod,working_directory}'::text[] ORDER BY v.place)
            FROM jsonb_array_elements(r.document -> 'variants') WITH ORDINALITY AS v (variant, place))), '{}') AS report
  FROM attempts a
  LEFT JOIN reports r ON r.token = a.token
 WHERE a.job_id = ANY ($1::bigint[])
 ORDER BY a.job_id, a.token
