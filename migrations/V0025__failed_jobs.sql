-- Failures by class and fingerprint: the newest failed jobs are read without a look at all that was built.
CREATE INDEX jobs_failed ON jobs (id) WHERE state IN (4, 6);
