-- Whose a job of the queue is, by the first batch that wants it, and how much memory its build takes; 0: not known.
ALTER TABLE queue
    ADD COLUMN submitter    text NOT NULL DEFAULT '',
    ADD COLUMN labels       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    ADD COLUMN memory_bytes bigint NOT NULL DEFAULT 0 CHECK (memory_bytes >= 0);
UPDATE queue q
   SET submitter = b.submitter, labels = b.labels
  FROM batches b
 WHERE b.id = (SELECT min(l.batch_id) FROM batch_jobs l WHERE l.job_id = q.job_id);
