-- After lock_batches_to_keep, whose locks keep retries away: a statement of its own sees what they did before.
INSERT INTO batch_counts (batch_id, built, partial, nothing_to_build, failed, cancelled, executables)
SELECT id, built, partial, nothing_to_build, failed, cancelled, executables
  FROM batch_summaries
 WHERE id = ANY ($1::bigint[]) AND queued + running = 0 AND NOT kept
