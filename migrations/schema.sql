-- What all migrations together make; see README.md.

CREATE TABLE schema_migrations (
    version    integer PRIMARY KEY CHECK (version >= 1),
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- The farm's tables. Numbers of states and classes are those of proto/gofarm/v1/ids.proto and common/vocab.
-- Cold half (batches, jobs, attempts, executables, ...): written once or twice, read by people.
-- Hot half (queue, leases, sessions): a few live rows, changed all the time, so they leave room in their pages for
-- updates in place and are vacuumed early.

CREATE DOMAIN sha256_hex AS text CHECK (VALUE ~ '^[0-9a-f]{64}$');

CREATE TABLE toolsets (
    name       text PRIMARY KEY CHECK (name <> ''),
    digest     sha256_hex NOT NULL,
    content    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The one row that says who leads, and until when: every message to workers carries its epoch. holder_id stands in the
-- leader's data_dir: its next process takes at once.
CREATE TABLE coordinator (
    only_row         boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch            bigint NOT NULL DEFAULT 0,
    holder           text NOT NULL DEFAULT '',
    lease_expires_at timestamptz NOT NULL DEFAULT now(),
    holder_id        text NOT NULL DEFAULT ''
);
INSERT INTO coordinator DEFAULT VALUES;

CREATE TABLE batches (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id   text UNIQUE CHECK (request_id ~ '^[A-Za-z0-9_-]{1,64}$'),  -- NULL: collected
    name         text NOT NULL,
    submitter    text NOT NULL,
    priority     integer NOT NULL DEFAULT 0,
    labels       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    created_at   timestamptz NOT NULL DEFAULT now(),
    cancelled_at timestamptz
);

CREATE TABLE jobs (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recipe_digest    sha256_hex NOT NULL,
    generation       integer NOT NULL CHECK (generation >= 1),
    module           text NOT NULL CHECK (module <> ''),
    version          text NOT NULL CHECK (version <> ''),
    target           smallint NOT NULL CHECK (target BETWEEN 1 AND 4),
    toolset          text NOT NULL REFERENCES toolsets (name),
    priority         integer NOT NULL DEFAULT 0,
    state            smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 7),
    failure_class    smallint NOT NULL DEFAULT 0 CHECK (failure_class BETWEEN 0 AND 17),
    failure_detail   text NOT NULL DEFAULT '',
    infra_failures   integer NOT NULL DEFAULT 0 CHECK (infra_failures >= 0),
    worker_failures  integer NOT NULL DEFAULT 0 CHECK (worker_failures >= 0),
    cancel_requested boolean NOT NULL DEFAULT false,
    result_token     bigint,
    executables      integer NOT NULL DEFAULT 0 CHECK (executables >= 0),
    created_at       timestamptz NOT NULL DEFAULT now(),
    ended_at         timestamptz,
    UNIQUE (recipe_digest, generation),
    CONSTRAINT ended_has_time CHECK ((state >= 3) = (ended_at IS NOT NULL)),
    CONSTRAINT failed_has_class CHECK (state NOT IN (4, 6) OR failure_class > 0),
    CONSTRAINT result_when_built CHECK (state NOT IN (3, 4, 5) OR result_token IS NOT NULL),
    CONSTRAINT executables_when_built CHECK (executables = 0 OR state IN (3, 4))
);
CREATE INDEX jobs_live ON jobs (id) WHERE state IN (1, 2);
CREATE INDEX jobs_module ON jobs (module, id);

CREATE TABLE batch_jobs (
    batch_id bigint NOT NULL REFERENCES batches (id),
    job_id   bigint NOT NULL REFERENCES jobs (id),
    PRIMARY KEY (batch_id, job_id)
);
CREATE INDEX batch_jobs_job ON batch_jobs (job_id);

-- Tokens only grow and are never used twice, also those of offers that no worker took.
CREATE SEQUENCE attempt_tokens AS bigint;

CREATE TABLE attempts (
    token             bigint PRIMARY KEY,
    job_id            bigint NOT NULL REFERENCES jobs (id),
    worker            text NOT NULL,
    outcome           smallint NOT NULL DEFAULT 1 CHECK (outcome BETWEEN 1 AND 7),
    started_at        timestamptz NOT NULL DEFAULT now(),
    ended_at          timestamptz,
    failure_class     smallint NOT NULL DEFAULT 0 CHECK (failure_class BETWEEN 0 AND 17),
    failure_detail    text NOT NULL DEFAULT '',
    -- The job's state after the completion: a repeated completion gets the same answer.
    answered_state    smallint CHECK (answered_state BETWEEN 1 AND 7),
    CONSTRAINT attempt_ended_has_time CHECK ((outcome <> 1) = (ended_at IS NOT NULL))
);
CREATE INDEX attempts_job ON attempts (job_id, token);

CREATE TABLE artifacts (
    sha256     sha256_hex PRIMARY KEY,
    size       bigint NOT NULL CHECK (size >= 0),
    kind       text NOT NULL CHECK (kind <> ''),
    blake3     text CHECK (blake3 ~ '^[0-9a-f]{64}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    referenced boolean NOT NULL DEFAULT true
);

-- What each attempt built; a job's own are those of its result_token.
CREATE TABLE executables (
    token        bigint NOT NULL REFERENCES attempts (token),
    import_path  text NOT NULL CHECK (import_path <> ''),
    job_id       bigint NOT NULL REFERENCES jobs (id),
    name         text NOT NULL CHECK (name <> ''),
    size         bigint NOT NULL CHECK (size > 0),
    sha256       sha256_hex NOT NULL REFERENCES artifacts (sha256),
    blake3       text NOT NULL CHECK (blake3 ~ '^[0-9a-f]{64}$'),
    main_version text NOT NULL,
    go_version   text NOT NULL,
    PRIMARY KEY (token, import_path)
);
CREATE INDEX executables_sha256 ON executables (sha256);

-- What the worker of an attempt reported, whole, as coordinator/store/json.cc writes it. Columns elsewhere are what
-- statements ask for; all else is read from here: provenance, failed programs, facts.
CREATE TABLE reports (
    token    bigint PRIMARY KEY REFERENCES attempts (token),
    document jsonb NOT NULL CHECK (jsonb_typeof(document) = 'object')
);

-- The last that each worker said of itself.
CREATE TABLE workers (
    name         text PRIMARY KEY CHECK (name <> ''),
    hello        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(hello) = 'object'),
    report       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(report) = 'object'),
    last_seen_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

CREATE TABLE sessions (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- One session a worker: a second one of its name replaces the first within one transaction.
    worker           text NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED REFERENCES workers (name),
    instance         text NOT NULL,
    epoch            bigint NOT NULL,
    opened_at        timestamptz NOT NULL DEFAULT now(),
    lease_expires_at timestamptz NOT NULL,
    details          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object')
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- The jobs that are not ended: waiting, offered or running.
CREATE TABLE queue (
    job_id          bigint PRIMARY KEY REFERENCES jobs (id),
    priority        integer NOT NULL,
    queued_at       timestamptz NOT NULL DEFAULT now(),
    not_before      timestamptz NOT NULL DEFAULT now(),
    avoid_worker    text NOT NULL DEFAULT '',
    running         boolean NOT NULL DEFAULT false,
    offered_token   bigint UNIQUE,
    -- No foreign key: ending a session returns its offers in the same transaction.
    offered_session bigint,
    -- Whose it is, by the first batch that wants it.
    submitter       text NOT NULL DEFAULT '',
    labels          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    memory_bytes    bigint NOT NULL DEFAULT 0 CHECK (memory_bytes >= 0),  -- that its build takes; 0: not known
    CONSTRAINT offer_is_whole CHECK ((offered_token IS NULL) = (offered_session IS NULL)),
    CONSTRAINT running_is_not_offered CHECK (NOT (running AND offered_token IS NOT NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
CREATE INDEX queue_waiting ON queue (priority DESC, queued_at, job_id) WHERE NOT running AND offered_token IS NULL;
CREATE INDEX queue_offered ON queue (offered_session) WHERE offered_token IS NOT NULL;

-- The attempts that run. One lease a job; the token fences every write of its attempt.
CREATE TABLE leases (
    job_id     bigint PRIMARY KEY REFERENCES queue (job_id),
    token      bigint NOT NULL UNIQUE REFERENCES attempts (token),
    session_id bigint NOT NULL REFERENCES sessions (id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
CREATE INDEX leases_session ON leases (session_id);

-- A batch with the counts of its jobs: always derived, never counted along.
CREATE VIEW batch_summaries AS
SELECT b.id, b.request_id, b.name, b.submitter, b.priority, b.labels, b.created_at, b.cancelled_at,
       CASE WHEN b.cancelled_at IS NOT NULL THEN 3 WHEN c.queued + c.running > 0 THEN 1 ELSE 2 END AS state,
       c.queued, c.running, c.built, c.partial, c.nothing_to_build, c.failed, c.cancelled, c.executables
  FROM batches b
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE j.state = 1) AS queued,
              count(*) FILTER (WHERE j.state = 2) AS running,
              count(*) FILTER (WHERE j.state = 3) AS built,
              count(*) FILTER (WHERE j.state = 4) AS partial,
              count(*) FILTER (WHERE j.state = 5) AS nothing_to_build,
              count(*) FILTER (WHERE j.state = 6) AS failed,
              count(*) FILTER (WHERE j.state = 7) AS cancelled,
              coalesce(sum(j.executables), 0)::bigint AS executables
         FROM batch_jobs bj
         JOIN jobs j ON j.id = bj.job_id
        WHERE bj.batch_id = b.id) c;

-- What operators list of the executables of jobs' results; the pages differ only in which rows they take.
CREATE VIEW artifact_rows AS
SELECT j.id AS job_id, e.name, e.import_path, j.module, j.version, j.target, e.size, e.sha256, e.blake3, e.main_version,
       e.go_version
  FROM jobs j
  JOIN executables e ON e.token = j.result_token AND e.job_id = j.id;
