-- Modules with programs of any kind, by id: what the selection looks at.
SELECT m.id, m.path, d.version, coalesce(e.repository, '') AS repository, d.programs, d.targets,
       jsonb_array_length(coalesce(d.document -> 'programs', '[]')) AS all_programs,
       coalesce(r.state, 0) AS state, m.last_indexed_at >= to_timestamp($3::double precision) AS eligible,
       d.declared_path,
       d.declared_path <> '' AND d.declared_path <> m.path
         AND EXISTS (SELECT FROM catalog_modules o WHERE o.path = d.declared_path) AS declared_is_other,
       coalesce(e.archived, false) AS archived, coalesce(e.fork, false) AS fork,
       coalesce(e.deprecated, false) OR coalesce(r.deprecated, '') <> '' AS deprecated,
       coalesce(r.retracted, false) AS retracted, e.stars, e.importers, coalesce(e.license, '') AS license,
       (extract(epoch FROM m.last_indexed_at) * 1000000)::bigint AS last_us,
       (SELECT count(DISTINCT q.from_module) FROM catalog_demand q
         WHERE (q.import_path = m.path OR (q.import_path > m.path || '/' AND q.import_path < m.path || '0'))
           AND q.from_module <> m.id) AS demand,
       CASE WHEN c.submitted = d.version AND c.batch_id IS NULL AND r.checked_at <= c.decided_at THEN c.reason
            ELSE '' END AS left_out
  FROM catalog_detections d
  JOIN catalog_modules m ON m.id = d.module_id
  LEFT JOIN catalog_reach r ON r.module_id = d.module_id
  LEFT JOIN catalog_enrichment e ON e.module_id = d.module_id
  LEFT JOIN catalog_decisions c ON c.module_id = d.module_id
 WHERE d.module_id > $1::integer AND d.document -> 'programs' <> '[]'
 ORDER BY d.module_id LIMIT $2::int
