-- Rebuilds: jobs that the farm makes to see whether a build comes out the same, and what came of them.
ALTER TABLE jobs ADD COLUMN rebuild_of bigint REFERENCES jobs (id);
CREATE INDEX jobs_rebuild_of ON jobs (rebuild_of) WHERE rebuild_of IS NOT NULL;

-- Of an executable that was built again with cold caches. What the rebuild did not build has no row.
CREATE TABLE rebuilds (
    token       bigint NOT NULL,  -- of the rebuild's attempt
    import_path text NOT NULL,
    of_token    bigint NOT NULL,  -- of the attempt that built it first
    reproduced  boolean NOT NULL,
    detail      text NOT NULL DEFAULT '',  -- what differs, in one line
    PRIMARY KEY (token, import_path),
    FOREIGN KEY (token, import_path) REFERENCES executables (token, import_path),
    FOREIGN KEY (of_token, import_path) REFERENCES executables (token, import_path)
);
CREATE INDEX rebuilds_of_token ON rebuilds (of_token);

-- The attempt of the rebuild that says whether this release is reproduced: the newest one, or one that differs.
ALTER TABLE releases ADD COLUMN rebuild_token bigint REFERENCES attempts (token);
CREATE INDEX releases_rebuild ON releases (rebuild_token) WHERE rebuild_token IS NOT NULL;

CREATE OR REPLACE VIEW publication_rows AS
SELECT p.id, p.destination, p.state, p.withdraw, p.change, p.tries, p.next_try_at, p.failure_class, p.detail, p.digest,
       r.id AS release_id, r.module, r.version, r.import_path, r.target, r.facts, r.reproduced, r.differed,
       p.token, e.job_id, e.size, e.sha256, e.blake3, e.go_version, a.ended_at AS built_at,
       coalesce(r.rebuild_token, 0) AS rebuild_token, coalesce(b.detail, '') AS rebuild_detail, t.ended_at AS rebuilt_at
  FROM publications p
  JOIN releases r ON r.id = p.release_id
  JOIN executables e ON e.token = p.token AND e.import_path = r.import_path
  JOIN attempts a ON a.token = p.token
  LEFT JOIN attempts t ON t.token = r.rebuild_token
  LEFT JOIN rebuilds b ON b.token = r.rebuild_token AND b.import_path = r.import_path;

-- What a rebuild built is nobody's artifact: it is there to be compared.
CREATE OR REPLACE VIEW artifact_rows AS
SELECT j.id AS job_id, e.name, e.import_path, j.module, j.version, j.target, e.size, e.sha256, e.blake3, e.main_version,
       e.go_version, e.smoke, e.smoke_detail
  FROM jobs j
  JOIN executables e ON e.token = j.result_token AND e.job_id = j.id
 WHERE j.rebuild_of IS NULL;
