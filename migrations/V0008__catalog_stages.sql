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
    revision    bigint NOT NULL
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
    revision      bigint NOT NULL
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
    revision      bigint NOT NULL
);
CREATE INDEX catalog_detections_programs ON catalog_detections (module_id) WHERE programs > 0;

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
