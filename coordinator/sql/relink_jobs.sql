UPDATE batch_jobs b SET job_id = m.new_id
  FROM unnest($2::bigint[], $3::bigint[]) AS m (old_id, new_id)
 WHERE b.batch_id = ANY ($1::bigint[]) AND b.job_id = m.old_id
