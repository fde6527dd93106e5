SELECT r.*
  FROM batch_jobs b
  JOIN artifact_rows r ON r.job_id = b.job_id
 WHERE b.batch_id = $5::bigint AND b.job_id >= $1::bigint AND ($6::text = '' OR r.module = $6::text)
   AND ($7::text = '' OR r.sha256 = $7::text)
   AND ($3::smallint = 0 OR r.target = $3::smallint) AND (r.job_id > $1::bigint OR r.import_path > $2::text)
 ORDER BY r.job_id, r.import_path
 LIMIT $4::bigint
