-- What operators list of the executables of jobs' results; the pages differ only in which rows they take.
CREATE VIEW artifact_rows AS
SELECT j.id AS job_id, e.name, e.import_path, j.module, j.version, j.target, e.size, e.sha256, e.blake3, e.main_version,
       e.go_version
  FROM jobs j
  JOIN executables e ON e.token = j.result_token AND e.job_id = j.id;
