-- One more failure class, crashes_at_start; and what the smoke run of each executable gave.
ALTER TABLE jobs DROP CONSTRAINT jobs_failure_class_check,
    ADD CONSTRAINT jobs_failure_class_check CHECK (failure_class BETWEEN 0 AND 19) NOT VALID;
ALTER TABLE jobs VALIDATE CONSTRAINT jobs_failure_class_check;
ALTER TABLE attempts DROP CONSTRAINT attempts_failure_class_check,
    ADD CONSTRAINT attempts_failure_class_check CHECK (failure_class BETWEEN 0 AND 19) NOT VALID;
ALTER TABLE attempts VALIDATE CONSTRAINT attempts_failure_class_check;

-- A text and no closed set: a later release may know more ends of a run. Constant defaults rewrite no row.
ALTER TABLE executables ADD COLUMN smoke text NOT NULL DEFAULT 'not_run',
    ADD COLUMN smoke_detail text NOT NULL DEFAULT '';
CREATE OR REPLACE VIEW artifact_rows AS
SELECT j.id AS job_id, e.name, e.import_path, j.module, j.version, j.target, e.size, e.sha256, e.blake3, e.main_version,
       e.go_version, e.smoke, e.smoke_detail
  FROM jobs j
  JOIN executables e ON e.token = j.result_token AND e.job_id = j.id;
