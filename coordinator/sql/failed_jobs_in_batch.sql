SELECT j.id, j.module, j.version, j.target, j.failure_class, left(j.failure_detail, $2::integer) AS failure_detail
  FROM batch_jobs b
  JOIN jobs j ON j.id = b.job_id
 WHERE b.batch_id = $3::bigint AND j.state IN (4, 6)
 ORDER BY b.job_id DESC
 LIMIT $1::bigint
