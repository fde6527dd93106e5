SELECT id, name, submitter, state, (extract(epoch FROM created_at) * 1000000)::bigint AS created_us,
       queued, running, built, partial, nothing_to_build, failed, cancelled, executables, kept
  FROM batch_summaries
 WHERE id = $1::bigint
