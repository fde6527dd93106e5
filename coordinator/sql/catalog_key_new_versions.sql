ALTER TABLE catalog_versions_new ADD CONSTRAINT catalog_versions_new_pkey PRIMARY KEY (module_id, version)
