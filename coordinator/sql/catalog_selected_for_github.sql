-- Selected modules on GitHub that its REST API was not asked about since $1, the most starred first.
SELECT m.id AS module_id, m.path, m.latest
  FROM catalog_decisions d
  JOIN catalog_enrichment e ON e.module_id = d.module_id
  JOIN catalog_modules m ON m.id = d.module_id
 WHERE d.selected AND starts_with(e.repository, 'github.com/')
   AND (e.github_at IS NULL OR e.github_at < to_timestamp($1::double precision))
 ORDER BY e.github_at NULLS FIRST, e.stars DESC NULLS LAST, d.module_id
 LIMIT $2::int
