-- One keying at a time; held until it commits.
SELECT modules, versions FROM catalog_index_state FOR UPDATE
