-- Modules of the index that a list names, that lie below what it names ('/' + 1 = '0'), or that are kept in a repository
-- of that name.
SELECT n.name, m.id
  FROM unnest($1::text[], $2::text[]) AS n (name, path)
  JOIN catalog_modules m ON m.path = n.path OR (m.path > n.path || '/' AND m.path < n.path || '0')
UNION
SELECT n.name, e.module_id
  FROM unnest($1::text[]) AS n (name)
  JOIN catalog_enrichment e ON e.repository = n.name
