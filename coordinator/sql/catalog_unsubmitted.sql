-- Selected versions that no batch was made of yet, the most wanted first.
SELECT m.path, d.version, d.module_id
  FROM catalog_decisions d
  JOIN catalog_modules m ON m.id = d.module_id
  LEFT JOIN catalog_enrichment e ON e.module_id = d.module_id
 WHERE d.selected AND ($2::boolean OR d.submitted <> d.version)
 ORDER BY coalesce(e.stars, 0) DESC, m.path
 LIMIT $1::int
