-- One more failure class: source_incomplete.
ALTER TABLE jobs DROP CONSTRAINT jobs_failure_class_check,
    ADD CONSTRAINT jobs_failure_class_check CHECK (failure_class BETWEEN 0 AND 18) NOT VALID;
ALTER TABLE jobs VALIDATE CONSTRAINT jobs_failure_class_check;
ALTER TABLE attempts DROP CONSTRAINT attempts_failure_class_check,
    ADD CONSTRAINT attempts_failure_class_check CHECK (failure_class BETWEEN 0 AND 18) NOT VALID;
ALTER TABLE attempts VALIDATE CONSTRAINT attempts_failure_class_check;
