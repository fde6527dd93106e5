-- A request id makes a submission idempotent while its client may repeat it. Later it is collected, and the batch stays.
ALTER TABLE batches ALTER COLUMN request_id DROP NOT NULL;
