COPY catalog_versions_new (indexed_at, module_id, version) FROM STDIN (FORMAT binary, FREEZE)
