-- Jobs that are tried again later are read by the time when they are due, a bounded number at once.
CREATE INDEX queue_later ON queue (not_before, job_id) WHERE NOT running AND offered_token IS NULL;
