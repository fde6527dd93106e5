-- Modules after $1 of which something is published, whose newest version is not, and was not queued by itself before.
WITH published AS MATERIALIZED (
  SELECT r.module
    FROM releases r
   WHERE r.withdrawn_at IS NULL AND r.module > $1::text
     AND EXISTS (SELECT FROM publications p
                  WHERE p.release_id = r.id AND p.published_at IS NOT NULL AND p.state <> 5 AND NOT p.withdraw)
   GROUP BY r.module)
SELECT m.id, m.path, c.version, c.state, c.retracted, coalesce(d.version, '') AS detected,
       coalesce(d.undecided, '') AS undecided, coalesce(d.targets, 0) AS targets,
       CASE WHEN d.version = c.version THEN d.document ELSE '{}' END AS document,
       (extract(epoch FROM coalesce(v.indexed_at, m.last_indexed_at)) * 1000000)::bigint AS indexed_us,
       (SELECT coalesce(bit_or(1 << (j.target - 1)), 0) FROM jobs j WHERE j.module = m.path AND j.version = c.version)
         AS jobs,
       coalesce((SELECT w.reason FROM withdrawals w
                  WHERE w.module = m.path AND w.version IN ('', c.version) ORDER BY w.version DESC LIMIT 1), '')
         AS withdrawn,
       (SELECT jsonb_agg(DISTINCT r.version) FROM releases r
         WHERE r.module = m.path AND r.withdrawn_at IS NULL AND r.retracted = '') AS versions,
       (SELECT jsonb_agg(jsonb_build_object('import_path', q.import_path, 'targets', q.targets))
          FROM (SELECT r.import_path, bit_or(1 << (r.target - 1)) AS targets FROM releases r
                 WHERE r.module = m.path AND r.withdrawn_at IS NULL GROUP BY r.import_path) q) AS programs
  FROM published x
  JOIN catalog_modules m ON m.path = x.module
  JOIN catalog_reach c ON c.module_id = m.id
  LEFT JOIN catalog_detections d ON d.module_id = m.id
  LEFT JOIN catalog_versions v ON v.module_id = m.id AND v.version = c.version
 WHERE NOT EXISTS (SELECT FROM releases r WHERE r.module = m.path AND r.version = c.version)
   AND NOT EXISTS (SELECT FROM publish_updates u WHERE u.module = m.path AND u.version = c.version)
 ORDER BY m.path
 LIMIT $2::integer
