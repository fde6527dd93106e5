-- Of the secret that a session's worker shows with every call, its SHA-256: what brings bytes for an attempt, ends it or
-- takes it over must have it. Nobody has one of a session from before: such a worker's attempts are lost and run again.
ALTER TABLE sessions ADD COLUMN secret_sha256 sha256_hex NOT NULL DEFAULT repeat('0', 64);
ALTER TABLE sessions ALTER COLUMN secret_sha256 DROP DEFAULT;
