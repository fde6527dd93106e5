-- What was kept of a batch's counts holds no longer, and who was told of its end is told again. Messages that are not
-- ended are locked here too: one that tells of the end at this moment sees the new jobs, or is undone (webhook_told).
WITH moved AS (
    UPDATE batch_jobs b SET job_id = m.new_id
      FROM unnest($2::bigint[], $3::bigint[]) AS m (old_id, new_id)
     WHERE b.batch_id = ANY ($1::bigint[]) AND b.job_id = m.old_id
 RETURNING b.batch_id),
told AS (
    UPDATE webhook_messages SET ended = false
     WHERE batch_id IN (SELECT batch_id FROM moved))
DELETE FROM batch_counts WHERE batch_id IN (SELECT batch_id FROM moved)
