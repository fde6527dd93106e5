-- The first matches, enough for a good order; a word that everything holds must not sort a million rows.
SELECT m.path, m.latest, coalesce(e.description, '') AS synopsis, coalesce(e.stars, 0) AS stars,
       coalesce(e.importers, 0) AS importers, coalesce(d.words, '') AS programs, h.rank
  FROM (SELECT s.module_id, ts_rank(s.words, q.query) AS rank
          FROM websearch_to_tsquery('simple', $1::text) AS q (query), catalog_search s
         WHERE s.words @@ q.query
         LIMIT $3::int) h
  JOIN catalog_modules m ON m.id = h.module_id
  LEFT JOIN catalog_enrichment e ON e.module_id = h.module_id
  LEFT JOIN catalog_detections d ON d.module_id = h.module_id
 ORDER BY h.rank * ln(2 + coalesce(e.stars, 0) + 3 * coalesce(e.importers, 0)) * CASE WHEN d.programs > 0 THEN 2 ELSE 1 END DESC,
          m.path
 LIMIT $2::int
