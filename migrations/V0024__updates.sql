-- New versions of published modules, built by themselves, and what authors say of published versions later.

-- What the newest go.mod takes back, as [{low, high, why}]: both ends belong to it.
ALTER TABLE catalog_reach ADD COLUMN retractions jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(retractions) = 'array');

-- Why its author took it back; '': he did not. The index does not show it as long as that is so; it is not barred.
ALTER TABLE releases ADD COLUMN retracted text NOT NULL DEFAULT '';

-- When what is to be done was ordered last; tries do not move it.
ALTER TABLE publications ADD COLUMN ordered_at timestamptz NOT NULL DEFAULT now();

-- When it came to stand there first; null: it never did. An order to show it anew does not end that.
ALTER TABLE publications ADD COLUMN published_at timestamptz;
UPDATE publications SET published_at = changed_at WHERE state = 4;

-- The last line of defence for names: of one version two programs never share a file's name or a repository, in no case
-- of letters. Of two modules they cannot, as the path has the module's (coordinator/publish/names.h).
CREATE UNIQUE INDEX releases_program ON releases (module, version, target, lower(facts ->> 'program'));

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
