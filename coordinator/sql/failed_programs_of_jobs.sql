SELECT j.id AS job_id, f.import_path, f.name, f.failure_class, f.failure_detail
  FROM jobs j
  JOIN failed_programs f ON f.token = j.result_token
 WHERE j.id = ANY ($1::bigint[])
 ORDER BY j.id, f.import_path
