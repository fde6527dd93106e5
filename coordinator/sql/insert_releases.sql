-- Where no executable stands for the program yet, this attempt's does. What was withdrawn stays away.
-- A program whose name another one of the version has (releases_program) is not released.
INSERT INTO releases (module, version, import_path, target, token, facts)
SELECT j.module, j.version, n.import_path, j.target, $1::bigint, n.facts::jsonb
  FROM jobs j
 CROSS JOIN unnest($3::text[], $4::text[]) AS n (import_path, facts)
 WHERE j.id = $2::bigint
   AND NOT EXISTS (SELECT FROM withdrawals w WHERE w.module = j.module AND w.version IN ('', j.version))
 ORDER BY n.import_path
    ON CONFLICT DO NOTHING
