-- Modules of the index that a list names, or that lie in a repository it names ('/' + 1 = '0').
SELECT n.name, m.id
  FROM unnest($1::text[]) AS n (name)
  JOIN catalog_modules m ON m.path = n.name OR (m.path > n.name || '/' AND m.path < n.name || '0')
