-- The leadership ends when its lease does. holder_id stands in the leader's data_dir: its next process takes at once.
ALTER TABLE coordinator RENAME COLUMN renewed_at TO lease_expires_at;
ALTER TABLE coordinator ADD COLUMN holder_id text NOT NULL DEFAULT '';
