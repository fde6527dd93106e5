-- What the job built of which this attempt's job is a rebuild.
SELECT e.token, e.import_path, e.name, e.size, e.sha256, e.blake3, e.go_version, o.id AS job_id, a.worker
  FROM attempts n
  JOIN jobs j ON j.id = n.job_id
  JOIN jobs o ON o.id = j.rebuild_of
  JOIN attempts a ON a.token = o.result_token
  JOIN executables e ON e.token = o.result_token
 WHERE n.token = $1::bigint
 ORDER BY e.import_path
