COPY catalog_versions (indexed_at, module_id, version) FROM STDIN (FORMAT binary)
