INSERT INTO catalog_search (module_id, words)
SELECT m.id, setweight(to_tsvector('simple', left(regexp_replace(m.path, '[^A-Za-z0-9]+', ' ', 'g'), 2000)), 'A')
          || setweight(to_tsvector('simple', left(coalesce(d.words, ''), 4000)), 'A')
          || setweight(to_tsvector('simple', left(coalesce(e.description, ''), 2000)), 'C')
          || setweight(to_tsvector('simple', left(coalesce(e.document ->> 'topics', ''), 2000)), 'B')
  FROM unnest($1::integer[]) AS i (id)
  JOIN catalog_modules m ON m.id = i.id
  LEFT JOIN catalog_detections d ON d.module_id = m.id
  LEFT JOIN catalog_enrichment e ON e.module_id = m.id
 ORDER BY m.id
ON CONFLICT (module_id) DO UPDATE SET words = excluded.words WHERE catalog_search.words <> excluded.words
