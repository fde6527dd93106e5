COPY catalog_known_lines (day, entries, fingerprints) FROM STDIN (FORMAT binary)
