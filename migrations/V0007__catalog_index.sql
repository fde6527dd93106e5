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
