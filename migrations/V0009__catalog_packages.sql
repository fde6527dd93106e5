-- What forecasts of programs follow into other modules, and the forecasts themselves beside what they were made of: they
-- change when a dependency does, and the module itself need not be read again.

-- detect: what the packages of a module bring to programs of other modules that import them. Compact JSON as text: it is
-- read whole or not at all.
CREATE TABLE catalog_packages (
    module_id integer PRIMARY KEY REFERENCES catalog_modules (id),
    version   text COLLATE "C" NOT NULL,
    packages  integer NOT NULL CHECK (packages >= 0),
    untold    integer NOT NULL CHECK (untold >= 0),  -- packages that are not told of: too costly to read, or no room
    document  text NOT NULL
);

-- By target, with what is known of the dependencies; `targets` agrees with it.
ALTER TABLE catalog_detections ADD COLUMN forecast jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(forecast) = 'object');
UPDATE catalog_detections SET forecast = document -> 'forecast' WHERE jsonb_typeof(document -> 'forecast') = 'object';
CREATE INDEX catalog_detections_revision ON catalog_detections (revision);
