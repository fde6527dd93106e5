-- The small parts of these days, which are written anew as one.
DELETE FROM catalog_known_lines WHERE day = ANY ($1::integer[]) AND entries < $2::integer
