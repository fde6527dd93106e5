SELECT j.id AS job_id, j.module, j.version, j.target, a.name, a.import_path, a.kind, a.size, a.sha256, a.blake3
  FROM jobs j
  JOIN attachments a ON a.token = j.result_token
 WHERE j.id = $1::bigint AND j.id >= $2::bigint AND (j.id > $2::bigint OR a.name > $3::text)
 ORDER BY j.id, a.name
 LIMIT $4::bigint
