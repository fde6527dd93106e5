SELECT j.id AS job_id, e.name, e.import_path, j.module, j.version, j.target, e.size, e.sha256, e.blake3, e.main_version,
       e.go_version
  FROM jobs j
  JOIN executables e ON e.token = j.result_token
 WHERE j.id >= $1::bigint AND ($3::smallint = 0 OR j.target = $3::smallint) AND (j.id > $1::bigint OR e.import_path > $2::text)
 ORDER BY j.id, e.import_path
 LIMIT $4::bigint
