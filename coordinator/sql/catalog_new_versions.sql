CREATE TABLE catalog_versions_new (LIKE catalog_versions)
