SELECT j.id AS job_id, e.name, e.import_path, j.module, j.version, j.target, e.size, e.sha256, e.blake3, e.main_version,
       e.go_version
  FROM batch_jobs b
  JOIN jobs j ON j.id = b.job_id
  JOIN executables e ON e.token = j.result_token
 WHERE b.batch_id = $5::bigint AND b.job_id >= $1::bigint AND ($6::text = '' OR j.module = $6::text)
   AND ($7::text = '' OR e.sha256 = $7::text)
   AND ($3::smallint = 0 OR j.target = $3::smallint) AND (j.id > $1::bigint OR e.import_path > $2::text)
 ORDER BY j.id, e.import_path
 LIMIT $4::bigint
