ALTER TABLE catalog_modules_new ADD CONSTRAINT catalog_modules_new_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX catalog_modules_new_path ON catalog_modules_new (path);
CREATE INDEX catalog_modules_new_revision ON catalog_modules_new (revision)
