-- What publishing needs to know of an attempt that ends, with what the catalog says of its module.
SELECT j.module, j.version, j.target, j.toolset, coalesce(j.rebuild_of, 0) AS rebuild_of,
       a.worker, coalesce(w.hello ->> 'host_arch', '') AS worker_arch,
       (extract(epoch FROM a.started_at) * 1000000)::bigint AS started_us,
       coalesce(f.description, '') AS description, coalesce(f.repository, '') AS repository,
       coalesce(f.stars, -1) AS stars, coalesce(f.deprecated, false) OR coalesce(c.deprecated, '') <> '' AS deprecated,
       coalesce(c.deprecated, '') AS deprecated_note,
       coalesce(f.document -> 'topics', '[]'::jsonb) AS topics,
       EXISTS (SELECT FROM withdrawals x WHERE x.module = j.module AND x.version IN ('', j.version)) AS withdrawn
  FROM attempts a
  JOIN jobs j ON j.id = a.job_id
  LEFT JOIN workers w ON w.name = a.worker
  LEFT JOIN catalog_modules m ON m.path = j.module
  LEFT JOIN catalog_enrichment f ON f.module_id = m.id
  LEFT JOIN catalog_reach c ON c.module_id = m.id
 WHERE a.token = $1::bigint
