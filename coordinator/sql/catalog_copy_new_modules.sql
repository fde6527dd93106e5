COPY catalog_modules_new (id, versions, latest_indexed_at, first_indexed_at, last_indexed_at, revision, path, latest)
FROM STDIN (FORMAT binary, FREEZE)
