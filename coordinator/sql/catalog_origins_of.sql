SELECT DISTINCT origin FROM catalog_origins WHERE name = ANY ($1::text[]) ORDER BY origin
