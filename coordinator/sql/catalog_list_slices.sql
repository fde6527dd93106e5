SELECT slice, since, until, array_to_string(seen, E'\n') AS seen, done, moves FROM catalog_index_slices ORDER BY slice
