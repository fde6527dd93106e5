-- Versions after ($1, $2) that may have to be taken back or brought back: what their releases say now, and the ranges
-- of the newest go.mod.
SELECT r.module, r.version, min(r.retracted) AS least, max(r.retracted) AS most, c.retractions
  FROM releases r
  JOIN catalog_modules m ON m.path = r.module
  JOIN catalog_reach c ON c.module_id = m.id
 WHERE (r.module, r.version) > ($1::text, $2::text) AND r.withdrawn_at IS NULL
   AND (r.retracted <> '' OR c.retractions <> '[]')
 GROUP BY r.module, r.version, c.retractions
 ORDER BY r.module, r.version
 LIMIT $3::integer
