SELECT (SELECT count(*) FROM catalog_modules) AS indexed,
       (SELECT count(*) FROM catalog_modules WHERE last_indexed_at >= to_timestamp($1::double precision)) AS eligible,
       (SELECT count(*) FROM catalog_enrichment e JOIN catalog_modules m ON m.id = e.module_id
         WHERE e.known AND m.last_indexed_at >= to_timestamp($1::double precision)) AS enriched,
       (SELECT count(*) FROM catalog_reach r JOIN catalog_modules m ON m.id = r.module_id
         WHERE r.state = 1 AND m.last_indexed_at >= to_timestamp($1::double precision)) AS reachable,
       (SELECT count(*) FROM catalog_detections d
          JOIN catalog_reach r ON r.module_id = d.module_id AND r.state = 1
          JOIN catalog_modules m ON m.id = d.module_id
         WHERE d.programs > 0 AND m.last_indexed_at >= to_timestamp($1::double precision)) AS programs,
       (SELECT count(*) FROM catalog_decisions WHERE selected) AS selected
