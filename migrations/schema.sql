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

-- More may be added, for other hosts. The SHA-256 of one that is known never changes.
CREATE TABLE toolset_archives (
    toolset   text NOT NULL REFERENCES toolsets (name),
    kind      text NOT NULL CHECK (kind IN ('go', 'zig')),
    version   text NOT NULL CHECK (version <> ''),
    host_arch text NOT NULL CHECK (host_arch <> ''),
    sha256    sha256_hex NOT NULL,
    PRIMARY KEY (toolset, kind, version, host_arch)
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
    cancelled_at timestamptz,
    -- Of what it was asked for: a request id that comes again with other content is refused. NULL: not known.
    content_sha256 sha256_hex
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
    failure_class    smallint NOT NULL DEFAULT 0 CHECK (failure_class BETWEEN 0 AND 19),
    failure_detail   text NOT NULL DEFAULT '',
    infra_failures   integer NOT NULL DEFAULT 0 CHECK (infra_failures >= 0),
    worker_failures  integer NOT NULL DEFAULT 0 CHECK (worker_failures >= 0),
    cancel_requested boolean NOT NULL DEFAULT false,
    result_token     bigint,
    executables      integer NOT NULL DEFAULT 0 CHECK (executables >= 0),
    created_at       timestamptz NOT NULL DEFAULT now(),
    ended_at         timestamptz,
    -- A rebuild: made by the farm to see whether that job's build comes out the same. Its recipe digest is of its own kind.
    rebuild_of       bigint REFERENCES jobs (id),
    UNIQUE (recipe_digest, generation),
    CONSTRAINT ended_has_time CHECK ((state >= 3) = (ended_at IS NOT NULL)),
    CONSTRAINT failed_has_class CHECK (state NOT IN (4, 6) OR failure_class > 0),
    CONSTRAINT result_when_built CHECK (state NOT IN (3, 4, 5) OR result_token IS NOT NULL),
    CONSTRAINT executables_when_built CHECK (executables = 0 OR state IN (3, 4))
);
CREATE INDEX jobs_live ON jobs (id) WHERE state IN (1, 2);
CREATE INDEX jobs_failed ON jobs (id) WHERE state IN (4, 6);
CREATE INDEX jobs_module ON jobs (module, id);
CREATE INDEX jobs_rebuild_of ON jobs (rebuild_of) WHERE rebuild_of IS NOT NULL;

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
    failure_class     smallint NOT NULL DEFAULT 0 CHECK (failure_class BETWEEN 0 AND 19),
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
    smoke        text NOT NULL DEFAULT 'not_run',
    smoke_detail text NOT NULL DEFAULT '',
    PRIMARY KEY (token, import_path)
);
CREATE INDEX executables_sha256 ON executables (sha256);

-- What the worker of an attempt reported, whole, as coordinator/store/json.cc writes it. Columns elsewhere are what
-- statements ask for; all else is read from here: provenance, failed programs, facts.
CREATE TABLE reports (
    token    bigint PRIMARY KEY REFERENCES attempts (token),
    document jsonb NOT NULL CHECK (jsonb_typeof(document) = 'object')
);

-- Numbers the changes of workers.draining, across all workers.
CREATE SEQUENCE drain_changes;

-- The last that each worker said of itself, and what operators decided of it.
CREATE TABLE workers (
    name         text PRIMARY KEY CHECK (name <> ''),
    hello        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(hello) = 'object'),
    report       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(report) = 'object'),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    draining     boolean NOT NULL DEFAULT false,  -- an operator keeps it from new jobs
    drain_change bigint NOT NULL DEFAULT nextval('drain_changes')
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

CREATE TABLE sessions (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- One session a worker: a second one of its name replaces the first within one transaction.
    worker           text NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED REFERENCES workers (name),
    instance         text NOT NULL,
    epoch            bigint NOT NULL,
    opened_at        timestamptz NOT NULL DEFAULT now(),
    lease_expires_at timestamptz NOT NULL,
    details          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object'),
    -- Of the secret that its worker shows with every call.
    secret_sha256    sha256_hex NOT NULL
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
CREATE INDEX queue_later ON queue (not_before, job_id) WHERE NOT running AND offered_token IS NULL;
CREATE INDEX queue_offered ON queue (offered_session) WHERE offered_token IS NOT NULL;

-- The attempts that run. One lease a job; the token fences every write of its attempt.
CREATE TABLE leases (
    job_id     bigint PRIMARY KEY REFERENCES queue (job_id),
    token      bigint NOT NULL UNIQUE REFERENCES attempts (token),
    session_id bigint NOT NULL REFERENCES sessions (id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
CREATE INDEX leases_session ON leases (session_id);

-- What a batch came to, from the moment when none of its jobs is queued or running. A job that ended never changes, so
-- this holds until a retry puts another job in the place of one; whoever does that deletes the row.
CREATE TABLE batch_counts (
    batch_id         bigint PRIMARY KEY REFERENCES batches (id),
    built            bigint NOT NULL,
    partial          bigint NOT NULL,
    nothing_to_build bigint NOT NULL,
    failed           bigint NOT NULL,
    cancelled        bigint NOT NULL,
    executables      bigint NOT NULL
);

-- A batch with the counts of its jobs: kept ones when it has them, else counted. OFFSET 0 keeps the planner from
-- joining with all jobs of the farm: a batch costs what it holds itself.
CREATE VIEW batch_summaries AS
SELECT b.id, b.request_id, b.name, b.submitter, b.priority, b.labels, b.created_at, b.cancelled_at,
       CASE WHEN b.cancelled_at IS NOT NULL THEN 3 WHEN c.queued + c.running > 0 THEN 1 ELSE 2 END AS state,
       c.queued, c.running,
       coalesce(k.built, c.built) AS built,
       coalesce(k.partial, c.partial) AS partial,
       coalesce(k.nothing_to_build, c.nothing_to_build) AS nothing_to_build,
       coalesce(k.failed, c.failed) AS failed,
       coalesce(k.cancelled, c.cancelled) AS cancelled,
       coalesce(k.executables, c.executables) AS executables,
       k.batch_id IS NOT NULL AS kept
  FROM batches b
  LEFT JOIN batch_counts k ON k.batch_id = b.id
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
        CROSS JOIN LATERAL (SELECT o.state, o.executables FROM jobs o WHERE o.id = bj.job_id OFFSET 0) j
        WHERE bj.batch_id = b.id AND k.batch_id IS NULL) c;

-- What the farm's oldest jobs came to: all of those with ids up to up_to_id have ended, for good. The rest is counted
-- when it is asked for.
CREATE TABLE job_counts (
    only_row         boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    up_to_id         bigint NOT NULL DEFAULT 0,
    built            bigint NOT NULL DEFAULT 0,
    partial          bigint NOT NULL DEFAULT 0,
    nothing_to_build bigint NOT NULL DEFAULT 0,
    failed           bigint NOT NULL DEFAULT 0,
    cancelled        bigint NOT NULL DEFAULT 0
);
INSERT INTO job_counts DEFAULT VALUES;

-- What operators list of jobs; the pages differ only in which rows they take.
CREATE VIEW job_rows AS
SELECT j.id, j.module, j.version, j.target, j.state, j.failure_class, j.failure_detail, j.toolset, j.recipe_digest,
       j.generation, coalesce(j.rebuild_of, 0) AS rebuild_of,
       (extract(epoch FROM j.created_at) * 1000000)::bigint AS created_us,
       (extract(epoch FROM j.ended_at) * 1000000)::bigint AS ended_us,
       (extract(epoch FROM q.not_before) * 1000000)::bigint AS not_before_us,
       q.not_before > now() AS waits
  FROM jobs j
  LEFT JOIN queue q ON q.job_id = j.id AND j.state = 1;

-- What operators list of the executables of jobs' results; the pages differ only in which rows they take.
CREATE VIEW artifact_rows AS
SELECT j.id AS job_id, e.name, e.import_path, j.module, j.version, j.target, e.size, e.sha256, e.blake3, e.main_version,
       e.go_version, e.smoke, e.smoke_detail
  FROM jobs j
  JOIN executables e ON e.token = j.result_token AND e.job_id = j.id
 WHERE j.rebuild_of IS NULL;

-- The module index: every module version that it ever told, with the time when it was first seen there.
-- Landing keeps what pages brought until keying has sorted it into modules and versions. Only the leading coordinator
-- writes here, one keying at a time (it locks the row of catalog_index_state).

-- Numbered by keying without gaps: 1 to catalog_index_state.modules. Rows are never deleted.
-- `latest` by what the index alone tells: highest release, else highest pre-release, else newest pseudo-version.
-- `revision` grows whenever latest or last_indexed_at changed: those who follow the modules read on from the last one.
CREATE TABLE catalog_modules (
    id                integer PRIMARY KEY CHECK (id > 0),
    versions          integer NOT NULL CHECK (versions > 0),
    latest_indexed_at timestamptz NOT NULL,
    first_indexed_at  timestamptz NOT NULL,
    last_indexed_at   timestamptz NOT NULL,
    revision          bigint NOT NULL,
    path              text COLLATE "C" NOT NULL,
    latest            text COLLATE "C" NOT NULL
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX catalog_modules_path ON catalog_modules (path);
CREATE INDEX catalog_modules_revision ON catalog_modules (revision);
CREATE SEQUENCE catalog_revisions;

-- Narrow, for it has tens of millions of rows. Large fills write a new table and put it in this one's place, so nothing
-- may refer to it: no foreign key, no view, no further index.
CREATE TABLE catalog_versions (
    indexed_at timestamptz NOT NULL,
    module_id  integer NOT NULL,
    version    text COLLATE "C" NOT NULL,
    CONSTRAINT catalog_versions_pkey PRIMARY KEY (module_id, version)
);

-- Which lines of each day (since 1970) are keyed, as sorted fingerprints of 8 bytes (coordinator/catalog/fingerprint.h):
-- lines that come again need no look at catalog_versions. A line that is missing here is only slower.
CREATE TABLE catalog_known_lines (
    day          integer NOT NULL,
    entries      integer NOT NULL CHECK (entries > 0),
    fingerprints bytea NOT NULL CHECK (octet_length(fingerprints) = 8 * entries)
);
ALTER TABLE catalog_known_lines ALTER COLUMN fingerprints SET STORAGE EXTERNAL;  -- nothing to compress
CREATE INDEX catalog_known_lines_day ON catalog_known_lines (day);

CREATE TABLE catalog_index_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    modules  integer NOT NULL DEFAULT 0 CHECK (modules >= 0),
    versions bigint NOT NULL DEFAULT 0 CHECK (versions >= 0)
);
INSERT INTO catalog_index_state DEFAULT VALUES;

-- What pages brought, packed (coordinator/catalog/packed_rows.h), one row a page. Pages go to one half while keying
-- reads the other and empties it by TRUNCATE, so that nothing is ever deleted row by row.
CREATE TABLE catalog_landing (
    half   smallint NOT NULL,
    lines  integer NOT NULL CHECK (lines > 0),
    packed bytea NOT NULL
) PARTITION BY LIST (half);
ALTER TABLE catalog_landing ALTER COLUMN packed SET STORAGE EXTERNAL;  -- compression costs more than it saves
CREATE TABLE catalog_landing_0 PARTITION OF catalog_landing FOR VALUES IN (0);
CREATE TABLE catalog_landing_1 PARTITION OF catalog_landing FOR VALUES IN (1);
CREATE TABLE catalog_landing_half (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    half     smallint NOT NULL DEFAULT 0 CHECK (half IN (0, 1))
);
INSERT INTO catalog_landing_half DEFAULT VALUES;

-- How far the index is read. Slice 0 follows its head; the others fill up what was before, each up to `until`.
CREATE TABLE catalog_index_slices (
    slice smallint PRIMARY KEY CHECK (slice BETWEEN 0 AND 30),
    since text NOT NULL,                       -- as it was received: no digit is lost
    until text NOT NULL DEFAULT '',            -- exclusive; '': no end
    seen  text[] NOT NULL DEFAULT '{}',        -- path@version of the lines at `since` that are stored
    done  boolean NOT NULL DEFAULT false,
    moves bigint NOT NULL DEFAULT 0            -- a page moves its slice only from where it was asked for
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- Lines that are none, each once.
CREATE TABLE catalog_rejects (
    digest        sha256_hex PRIMARY KEY,  -- of the whole line
    line          text NOT NULL,           -- made fit to print, and clipped
    reason        text NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT now()
);

-- Times at which the index has more lines than a page holds: those beyond are lost.
CREATE TABLE catalog_stuck (
    since    text PRIMARY KEY,
    lines    integer NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now()
);

-- What the catalog's stages know of modules. Every stage writes its own tables only; what it follows it reads by the
-- revisions of the stage before. Numbers of stages and states are those of common/catalog/types.h.

-- Which stages run: what an operator said last.
CREATE TABLE catalog_stages (
    stage      smallint PRIMARY KEY CHECK (stage BETWEEN 1 AND 5),
    running    boolean NOT NULL DEFAULT false,
    changed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO catalog_stages (stage) VALUES (1), (2), (3), (4), (5);

-- Up to which revision a stage has taken up what it follows, and on which terms (eligible_since): other terms begin
-- again.
CREATE TABLE catalog_cursors (
    stage    smallint PRIMARY KEY REFERENCES catalog_stages (stage),
    revision bigint NOT NULL DEFAULT 0,
    terms    text NOT NULL DEFAULT ''
);
INSERT INTO catalog_cursors (stage) VALUES (2), (3), (4);

-- One row for each module that a stage has to do with. `stage_version` is that of its last result: below the stage's
-- own, the module is due at once; else at `due_at`.
CREATE TABLE catalog_work (
    stage         smallint NOT NULL REFERENCES catalog_stages (stage),
    module_id     integer NOT NULL REFERENCES catalog_modules (id),
    stage_version smallint NOT NULL DEFAULT 0 CHECK (stage_version >= 0),
    due_at        timestamptz NOT NULL DEFAULT now(),
    failures      smallint NOT NULL DEFAULT 0 CHECK (failures >= 0),  -- in a row, without an answer
    PRIMARY KEY (stage, module_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX catalog_work_due ON catalog_work (stage, stage_version, due_at);

-- enrich: what the services say of a module and its repository.
CREATE TABLE catalog_enrichment (
    module_id   integer PRIMARY KEY REFERENCES catalog_modules (id),
    repository  text COLLATE "C" NOT NULL DEFAULT '',  -- host/owner/name as it is called now, lower case; '': not known
    known       boolean NOT NULL,                      -- some source knows its repository
    stars       integer,
    archived    boolean NOT NULL DEFAULT false,
    fork        boolean NOT NULL DEFAULT false,
    license     text,
    importers   integer,
    deprecated  boolean NOT NULL DEFAULT false,
    description text,
    pushed_at   timestamptz,
    document    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(document) = 'object'),  -- all facts with their sources
    detail      text NOT NULL DEFAULT '',
    checked_at  timestamptz NOT NULL,
    revision    bigint NOT NULL,
    github      jsonb,                     -- what GitHub's REST API said, by itself; null: it was not asked by REST
    github_etag text NOT NULL DEFAULT '',  -- of that, behind the mark of the token that it is for
    github_at   timestamptz                -- when GitHub was asked last
);

-- reach: can the newest version be downloaded, and what its go.mod says.
CREATE TABLE catalog_reach (
    module_id     integer PRIMARY KEY REFERENCES catalog_modules (id),
    version       text COLLATE "C" NOT NULL,
    state         smallint NOT NULL CHECK (state BETWEEN 1 AND 4),
    detail        text NOT NULL DEFAULT '',
    declared_path text COLLATE "C" NOT NULL DEFAULT '',
    go_version    text NOT NULL DEFAULT '',
    deprecated    text NOT NULL DEFAULT '',
    retracted     boolean NOT NULL DEFAULT false,  -- all of its versions are
    zip_bytes     bigint NOT NULL DEFAULT 0,
    absent_since  timestamptz,  -- first of the absences in a row
    checked_at    timestamptz NOT NULL,
    revision      bigint NOT NULL,
    -- What the newest go.mod takes back, as [{low, high, why}]: both ends belong to it.
    retractions   jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(retractions) = 'array')
);
CREATE INDEX catalog_reach_revision ON catalog_reach (revision);
CREATE INDEX catalog_reach_available ON catalog_reach (module_id) WHERE state = 1;

-- detect: what the source says.
CREATE TABLE catalog_detections (
    module_id     integer PRIMARY KEY REFERENCES catalog_modules (id),
    version       text COLLATE "C" NOT NULL,
    undecided     text NOT NULL DEFAULT '',  -- why nothing is known; '': the rest holds
    crashes       smallint NOT NULL DEFAULT 0,
    declared_path text COLLATE "C" NOT NULL DEFAULT '',
    programs      integer NOT NULL DEFAULT 0,  -- of kind program, for any target
    targets       smallint NOT NULL DEFAULT 0 CHECK (targets BETWEEN 0 AND 15),  -- bit n - 1: target n has one that is buildable
    words         text NOT NULL DEFAULT '',      -- names of its programs, for the search
    document      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(document) = 'object'),
    checked_at    timestamptz NOT NULL,
    revision      bigint NOT NULL,
    -- By target, with what is known of the dependencies; `targets` agrees with it.
    forecast      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(forecast) = 'object')
);
CREATE INDEX catalog_detections_programs ON catalog_detections (module_id) WHERE programs > 0;
CREATE INDEX catalog_detections_revision ON catalog_detections (revision);

-- detect: what the packages of a module bring to programs of other modules that import them. Compact JSON as text: it is
-- read whole or not at all.
CREATE TABLE catalog_packages (
    module_id integer PRIMARY KEY REFERENCES catalog_modules (id),
    version   text COLLATE "C" NOT NULL,
    packages  integer NOT NULL CHECK (packages >= 0),
    untold    integer NOT NULL CHECK (untold >= 0),  -- packages that are not told of: too costly to read, or no room
    document  text NOT NULL
);

-- What other modules' files ask for by name: a tool directive, a blank import of tools.go, an install line.
CREATE TABLE catalog_demand (
    import_path text COLLATE "C" NOT NULL CHECK (import_path <> ''),
    kind        smallint NOT NULL CHECK (kind BETWEEN 1 AND 3),
    from_module integer NOT NULL REFERENCES catalog_modules (id),
    PRIMARY KEY (import_path, kind, from_module)
);
CREATE INDEX catalog_demand_from ON catalog_demand (from_module);

-- Lists that name modules or repositories.
CREATE TABLE catalog_origins (
    name     text COLLATE "C" NOT NULL CHECK (name <> ''),  -- module path, or host/owner/name of a repository
    origin   text NOT NULL CHECK (origin <> ''),
    added_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, origin)
);

-- select: what becomes of each module that has programs.
CREATE TABLE catalog_decisions (
    module_id  integer PRIMARY KEY REFERENCES catalog_modules (id),
    version    text COLLATE "C" NOT NULL,
    selected   boolean NOT NULL,
    reason     text NOT NULL,
    decided_at timestamptz NOT NULL,
    -- The version that became a batch last, and which.
    submitted  text COLLATE "C" NOT NULL DEFAULT '',
    batch_id   bigint REFERENCES batches (id)
);
CREATE INDEX catalog_decisions_selected ON catalog_decisions (module_id) WHERE selected;

-- What `catalog search` looks into.
CREATE TABLE catalog_search (
    module_id integer PRIMARY KEY REFERENCES catalog_modules (id),
    words     tsvector NOT NULL
);
CREATE INDEX catalog_search_words ON catalog_search USING gin (words);

-- Who belongs to the farm. farm_id and the authority's digest are written by the first coordinator that has an authority,
-- and the digest changes only by a rotation: a coordinator with another authority must not sign for this farm.
CREATE TABLE farm (
    only_row         boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    farm_id          text NOT NULL CHECK (farm_id <> ''),
    authority_sha256 text NOT NULL CHECK (authority_sha256 ~ '^[0-9a-f]{64}$'),
    created_at       timestamptz NOT NULL DEFAULT now(),
    outgoing_sha256  text CHECK (outgoing_sha256 ~ '^[0-9a-f]{64}$'),  -- during a rotation: signs for the server
    CONSTRAINT farm_authorities_differ CHECK (outgoing_sha256 <> authority_sha256)
);

-- Roles as in common/vocab/peer.h. Of the secret only its SHA-256 is kept.
CREATE TABLE join_tokens (
    id            bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    secret_sha256 text NOT NULL UNIQUE CHECK (secret_sha256 ~ '^[0-9a-f]{64}$'),
    role          smallint NOT NULL CHECK (role BETWEEN 1 AND 4),
    name          text NOT NULL DEFAULT '',  -- of the identity that it makes; '': the joiner chooses
    created_by    text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    uses          integer NOT NULL CHECK (uses >= 1),
    used          integer NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND uses),
    revoked_at    timestamptz
);

CREATE TABLE identities (
    id           bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    role         smallint NOT NULL CHECK (role BETWEEN 1 AND 4),
    name         text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
    key_sha256   text NOT NULL UNIQUE CHECK (key_sha256 ~ '^[0-9a-f]{64}$'),
    token_id     bigint NOT NULL REFERENCES join_tokens (id),
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,  -- of its newest certificate
    last_seen_at timestamptz,
    revoked_at   timestamptz,
    authority_sha256 text CHECK (authority_sha256 ~ '^[0-9a-f]{64}$')  -- that signed its newest certificate
);
CREATE UNIQUE INDEX identities_live_name ON identities (name) WHERE revoked_at IS NULL;
CREATE INDEX identities_name ON identities (name, id DESC);
CREATE INDEX identities_token ON identities (token_id);

-- What people did, who came in, and who was refused. Rows are only added.
CREATE TABLE audit (
    id     bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at     timestamptz NOT NULL DEFAULT now(),
    who    text NOT NULL,
    role   smallint NOT NULL CHECK (role BETWEEN 0 AND 4),
    origin text NOT NULL,  -- the address that it came from
    action text NOT NULL CHECK (action <> ''),
    detail text NOT NULL
);
CREATE INDEX audit_at ON audit (at);

-- Publishing: what was made beside executables, which of them stand for their programs, and where each of them went.

-- Files that were made when an attempt completed, beside its executables. Signatures are made once: they are kept with
-- what they sign.
CREATE TABLE attachments (
    token       bigint NOT NULL REFERENCES attempts (token),
    name        text NOT NULL CHECK (name <> ''),  -- of the file, among all of the attempt
    import_path text NOT NULL DEFAULT '',          -- of the executable that it is about; '': of all of them
    kind        text NOT NULL CHECK (kind <> ''),
    size        bigint NOT NULL CHECK (size >= 0),
    sha256      sha256_hex NOT NULL REFERENCES artifacts (sha256),
    blake3      text NOT NULL CHECK (blake3 ~ '^[0-9a-f]{64}$'),
    PRIMARY KEY (token, name)
);
CREATE INDEX attachments_sha256 ON attachments (sha256);

-- The executable that stands for one program of a module version on a target: the first that was published of it, until
-- a person puts another one in its place.
CREATE TABLE releases (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    module       text COLLATE "C" NOT NULL CHECK (module <> ''),
    version      text COLLATE "C" NOT NULL CHECK (version <> ''),
    import_path  text COLLATE "C" NOT NULL CHECK (import_path <> ''),
    target       smallint NOT NULL CHECK (target BETWEEN 1 AND 4),
    token        bigint NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- What people are told of it beside what the build says: description, homepage, licences, and why it is marked.
    facts        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(facts) = 'object'),
    reproduced   integer NOT NULL DEFAULT 0 CHECK (reproduced >= 0),  -- builds after the first with the same digest
    differed     integer NOT NULL DEFAULT 0 CHECK (differed >= 0),    -- builds with another one
    withdrawn_at timestamptz,
    rebuild_token bigint REFERENCES attempts (token),  -- of the rebuild that says so: the newest one, or one that differs
    -- Why its author took it back; '': he did not. The index does not show it as long as that is so; it is not barred.
    retracted    text NOT NULL DEFAULT '',
    UNIQUE (module, version, import_path, target),
    FOREIGN KEY (token, import_path) REFERENCES executables (token, import_path)
);
CREATE INDEX releases_token ON releases (token);
CREATE INDEX releases_lower_module ON releases (lower(module));
CREATE INDEX releases_rebuild ON releases (rebuild_token) WHERE rebuild_token IS NOT NULL;

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
-- The last line of defence for names: of one version two programs never share a file's name or a repository, in no case
-- of letters. Of two modules they cannot, as the path has the module's (coordinator/publish/names.h).
CREATE UNIQUE INDEX releases_program ON releases (module, version, target, lower(facts ->> 'program'));

-- Where a release goes, one row a destination: "index", or a registry or folder as configured. `token` is that of the
-- executable that the row is about: another one than the release's own waits for a person (parked, differs).
CREATE TABLE publications (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release_id    bigint NOT NULL REFERENCES releases (id),
    destination   text NOT NULL CHECK (destination <> ''),
    token         bigint NOT NULL,
    state         smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 5),
    withdraw      boolean NOT NULL DEFAULT false,  -- what is to be done: take it away
    change        integer NOT NULL DEFAULT 0,      -- grows with each order: what was done for an older one is no answer
    tries         integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    next_try_at   timestamptz NOT NULL DEFAULT now(),
    failure_class text NOT NULL DEFAULT '',
    detail        text NOT NULL DEFAULT '',
    digest        text NOT NULL DEFAULT '',  -- of the manifest that stands there
    changed_at    timestamptz NOT NULL DEFAULT now(),
    -- When what is to be done was ordered last; tries do not move it.
    ordered_at    timestamptz NOT NULL DEFAULT now(),
    -- When it came to stand there first; null: it never did. An order to show it anew does not end that.
    published_at  timestamptz,
    UNIQUE (release_id, destination, token),
    CONSTRAINT publication_failed_has_class CHECK (state NOT IN (2, 3) OR failure_class <> '')
);
CREATE INDEX publications_due ON publications (destination, next_try_at, id) WHERE state IN (1, 2);
CREATE INDEX publications_state ON publications (state, id);

-- A publication with the release and the executable that it is about; the pages differ only in which rows they take.
CREATE VIEW publication_rows AS
SELECT p.id, p.destination, p.state, p.withdraw, p.change, p.tries, p.next_try_at, p.failure_class, p.detail, p.digest,
       r.id AS release_id, r.module, r.version, r.import_path, r.target, r.facts, r.reproduced, r.differed,
       p.token, e.job_id, e.size, e.sha256, e.blake3, e.go_version, a.ended_at AS built_at,
       coalesce(r.rebuild_token, 0) AS rebuild_token, coalesce(b.detail, '') AS rebuild_detail, t.ended_at AS rebuilt_at,
       r.retracted <> '' AS retracted
  FROM publications p
  JOIN releases r ON r.id = p.release_id
  JOIN executables e ON e.token = p.token AND e.import_path = r.import_path
  JOIN attempts a ON a.token = p.token
  LEFT JOIN attempts t ON t.token = r.rebuild_token
  LEFT JOIN rebuilds b ON b.token = r.rebuild_token AND b.import_path = r.import_path;

-- One row for each destination that was ever configured.
CREATE TABLE publish_destinations (
    name   text PRIMARY KEY CHECK (name <> ''),
    paused boolean NOT NULL DEFAULT false,
    reason text NOT NULL DEFAULT ''
);

-- What is not published (again), and why: a module, or one version of it.
CREATE TABLE withdrawals (
    module  text COLLATE "C" NOT NULL CHECK (module <> ''),
    version text COLLATE "C" NOT NULL DEFAULT '',  -- '': all of them
    reason  text NOT NULL CHECK (reason <> ''),
    who     text NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (module, version)
);

-- Public keys by which what was published can be checked, those of before included.
CREATE TABLE publish_keys (
    kind       text NOT NULL CHECK (kind IN ('provenance', 'minisign')),
    public_key text NOT NULL CHECK (public_key <> ''),
    since      timestamptz NOT NULL DEFAULT now(),
    until      timestamptz,  -- null: it signs, or is announced
    announced  boolean NOT NULL DEFAULT false,  -- it signs nothing yet, and is to from since on
    PRIMARY KEY (kind, public_key),
    CHECK (NOT announced OR until IS NULL)
);
CREATE UNIQUE INDEX publish_keys_signing ON publish_keys (kind) WHERE until IS NULL AND NOT announced;
CREATE UNIQUE INDEX publish_keys_announced ON publish_keys (kind) WHERE announced;

-- Numbers the states of the published index.
CREATE SEQUENCE index_generations;

-- Versions that were queued because another version of their module is published: each once, whatever came of it.
CREATE TABLE publish_updates (
    module    text COLLATE "C" NOT NULL CHECK (module <> ''),
    version   text COLLATE "C" NOT NULL CHECK (version <> ''),
    targets   smallint NOT NULL CHECK (targets BETWEEN 1 AND 15),  -- bit n - 1: target n
    batch_id  bigint REFERENCES batches (id),                      -- null: the door of batches did not take it
    detail    text NOT NULL DEFAULT '',                            -- why not
    queued_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (module, version)
);
CREATE INDEX publish_updates_queued ON publish_updates (queued_at);

-- How many modules became jobs by themselves, by day (UTC): what is used of auto_select_per_day.
CREATE TABLE catalog_days (
    day     date PRIMARY KEY,
    modules integer NOT NULL CHECK (modules >= 0)
);

-- Webhooks: who is told of batches, and the one message that tells of each.

-- A destination is named by the SHA-256 of its kind and URL: the URL is a secret.
CREATE TABLE webhooks (
    destination sha256_hex PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('discord', 'json')),
    first_batch bigint NOT NULL,  -- batches up to this one were there before it, and it is not told of them
    up_to_batch bigint NOT NULL,  -- the highest one that it is told of
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- What a destination was told of a batch last. A row changes only from the sequence that it was read with.
CREATE TABLE webhook_messages (
    destination sha256_hex NOT NULL REFERENCES webhooks (destination),
    batch_id    bigint NOT NULL REFERENCES batches (id),
    message_id  text NOT NULL DEFAULT '' CHECK (message_id ~ '^[0-9]{0,20}$'),  -- '': there is none to edit
    sequence    integer NOT NULL DEFAULT 0 CHECK (sequence >= 0),               -- how often it was told
    said        text NOT NULL DEFAULT '',                                       -- the batch's counts, as it was told
    ended       boolean NOT NULL DEFAULT false,                                 -- it was told of the batch's end
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (batch_id, destination)
) WITH (fillfactor = 70);
CREATE INDEX webhook_messages_open ON webhook_messages (destination, batch_id) WHERE NOT ended;
