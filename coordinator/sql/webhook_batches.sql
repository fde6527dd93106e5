SELECT id, name, submitter, state, (extract(epoch FROM created_at) * 1000000)::bigint AS created_us,
       queued, running, built, partial, nothing_to_build, failed, cancelled, executables, kept,
       greatest(0, extract(epoch FROM now() - created_at))::float8 AS age_s,
       (extract(epoch FROM cancelled_at) * 1000000)::bigint AS cancelled_us
  FROM batch_summaries
 WHERE id = ANY ($1::bigint[])
 ORDER BY id
