SELECT j.id AS job_id, e.name, e.import_path, j.module, j.version, j.target, e.size, e.sha256, e.blake3, e.main_version,
       e.go_version, e.smoke, e.smoke_detail
  FROM jobs j
  JOIN executables e ON e.token = j.result_token
 WHERE j.id = ANY ($1::bigint[])
 ORDER BY j.id, e.import_path
