CREATE UNIQUE INDEX catalog_modules_path ON catalog_modules (path);
CREATE INDEX catalog_modules_revision ON catalog_modules (revision)
