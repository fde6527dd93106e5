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
    UNIQUE (module, version, import_path, target),
    FOREIGN KEY (token, import_path) REFERENCES executables (token, import_path)
);
CREATE INDEX releases_token ON releases (token);
CREATE INDEX releases_lower_module ON releases (lower(module));

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
    UNIQUE (release_id, destination, token),
    CONSTRAINT publication_failed_has_class CHECK (state NOT IN (2, 3) OR failure_class <> '')
);
CREATE INDEX publications_due ON publications (destination, next_try_at, id) WHERE state IN (1, 2);
CREATE INDEX publications_state ON publications (state, id);

-- A publication with the release and the executable that it is about; the pages differ only in which rows they take.
CREATE VIEW publication_rows AS
SELECT p.id, p.destination, p.state, p.withdraw, p.change, p.tries, p.next_try_at, p.failure_class, p.detail, p.digest,
       r.id AS release_id, r.module, r.version, r.import_path, r.target, r.facts, r.reproduced, r.differed,
       p.token, e.job_id, e.size, e.sha256, e.blake3, e.go_version, a.ended_at AS built_at
  FROM publications p
  JOIN releases r ON r.id = p.release_id
  JOIN executables e ON e.token = p.token AND e.import_path = r.import_path
  JOIN attempts a ON a.token = p.token;

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
