-- Workers that an operator keeps from new jobs, until they are undrained: over restarts of coordinator and worker. The
-- changes are numbered across all workers, also those that were removed and came back, so that the later news is known as such.
CREATE SEQUENCE drain_changes;
ALTER TABLE workers
    ADD COLUMN draining     boolean NOT NULL DEFAULT false,
    ADD COLUMN drain_change bigint NOT NULL DEFAULT nextval('drain_changes');

-- Labels of a batch say from now on which workers may build it. What the catalog called its batches is in their submitter.
UPDATE batches SET labels = labels - 'source' WHERE labels @> '{"source": "catalog"}';
