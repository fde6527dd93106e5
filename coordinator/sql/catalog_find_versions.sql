-- Which of these are known, by their place in the arrays. OFFSET 0 as in catalog_find_modules.
SELECT c.n::integer AS n
  FROM unnest($1::integer[], $2::text[]) WITH ORDINALITY AS c (module_id, version, n)
 CROSS JOIN LATERAL (SELECT FROM catalog_versions k WHERE k.module_id = c.module_id AND k.version = c.version OFFSET 0) v
