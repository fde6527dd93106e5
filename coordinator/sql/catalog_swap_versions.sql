-- The renamed table takes the other's place for readers when this commits; they wait for no more than that.
DROP TABLE catalog_versions;
ALTER TABLE catalog_versions_new RENAME CONSTRAINT catalog_versions_new_pkey TO catalog_versions_pkey;
ALTER TABLE catalog_versions_new RENAME TO catalog_versions
