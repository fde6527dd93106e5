-- Selected versions that no batch was made of yet, the most starred first, with the targets that are worth a job. One
-- that was looked into anew since it was decided about is the next selection's. $3: without modules of which something is
-- published, as another rule decides about those.
SELECT m.path, d.version, d.module_id, d.reason, t.targets
  FROM catalog_decisions d
  JOIN catalog_modules m ON m.id = d.module_id
  JOIN catalog_detections t ON t.module_id = d.module_id AND t.version = d.version AND t.targets > 0
  LEFT JOIN catalog_enrichment e ON e.module_id = d.module_id
 WHERE d.selected AND ($2::boolean OR d.submitted <> d.version)
   AND NOT ($3::boolean
            AND EXISTS (SELECT FROM releases r JOIN publications p ON p.release_id = r.id
                         WHERE r.module = m.path AND r.withdrawn_at IS NULL AND p.published_at IS NOT NULL AND p.state <> 5
                           AND NOT p.withdraw))
 ORDER BY coalesce(e.stars, 0) DESC, m.path
 LIMIT $1::int
