-- OFFSET 0 keeps the planner from reading the whole table for many paths.
SELECT p.n::integer AS n, m.id, m.versions, m.latest_indexed_at, m.first_indexed_at, m.last_indexed_at, m.latest
  FROM unnest($1::text[]) WITH ORDINALITY AS p (path, n)
 CROSS JOIN LATERAL (SELECT * FROM catalog_modules k WHERE k.path = p.path OFFSET 0) m
