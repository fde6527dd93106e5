-- The first of $1 new ones. Only keying takes any, under its lock.
SELECT setval('catalog_revisions', nextval('catalog_revisions') + $1::bigint - 1) - $1::bigint + 1 AS first
