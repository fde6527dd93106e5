SELECT r.* FROM artifact_rows r
 WHERE r.job_id >= $1::bigint
   AND ($3::smallint = 0 OR r.target = $3::smallint) AND (r.job_id > $1::bigint OR r.import_path > $2::text)
 ORDER BY r.job_id, r.import_path
 LIMIT $4::bigint
