-- The whole report of an attempt is one document; columns are what statements ask for.
CREATE TABLE reports (
    token    bigint PRIMARY KEY REFERENCES attempts (token),
    document jsonb NOT NULL CHECK (jsonb_typeof(document) = 'object')
);

-- Of every attempt that its worker completed (1 runs, 7 was lost). A dependency that several executables of an attempt
-- have stands once, and they name it by its place.
INSERT INTO reports (token, document)
WITH places AS (
    SELECT d.token, d.dependency, row_number() OVER (PARTITION BY d.token ORDER BY d.dependency) - 1 AS place
      FROM (SELECT DISTINCT e.token, x.dependency
              FROM executables e
             CROSS JOIN LATERAL jsonb_array_elements(e.dependencies) AS x (dependency)) d
), dependencies AS (
    SELECT token, jsonb_agg(dependency ORDER BY place) AS items FROM places GROUP BY token
), indexes AS (
    SELECT e.token, e.import_path, jsonb_agg(p.place ORDER BY x.position) AS items
      FROM executables e
     CROSS JOIN LATERAL jsonb_array_elements(e.dependencies) WITH ORDINALITY AS x (dependency, position)
      JOIN places p ON p.token = e.token AND p.dependency = x.dependency
     GROUP BY e.token, e.import_path
), programs AS (
    SELECT e.token, jsonb_agg(jsonb_build_object(
               'import_path', e.import_path, 'name', e.name, 'size', e.size, 'sha256', e.sha256, 'blake3', e.blake3,
               'main_version', e.main_version, 'go_version', e.go_version, 'build_info', e.build_info,
               'variant', e.variant, 'dependencies', coalesce(i.items, '[]')) ORDER BY e.import_path) AS items
      FROM executables e
      LEFT JOIN indexes i ON i.token = e.token AND i.import_path = e.import_path
     GROUP BY e.token
), failures AS (
    SELECT token, jsonb_agg(jsonb_build_object(
               'import_path', import_path, 'name', name, 'failure_class', failure_class,
               'failure_detail', failure_detail) ORDER BY import_path) AS items
      FROM failed_programs
     GROUP BY token
)
SELECT a.token, jsonb_build_object(
           'outcome', a.outcome, 'failure_class', a.failure_class, 'failure_detail', a.failure_detail,
           'executables', coalesce(p.items, '[]'), 'dependencies', coalesce(d.items, '[]'),
           'failed_programs', coalesce(f.items, '[]'), 'variants', a.variants, 'phases', a.phases,
           'peak_memory_bytes', a.peak_memory_bytes, 'cpu_seconds', a.cpu_seconds, 'facts', a.facts, 'omitted', '[]'::jsonb)
  FROM attempts a
  LEFT JOIN programs p ON p.token = a.token
  LEFT JOIN dependencies d ON d.token = a.token
  LEFT JOIN failures f ON f.token = a.token
 WHERE a.outcome NOT IN (1, 7);

ALTER TABLE attempts
    DROP COLUMN variants, DROP COLUMN phases, DROP COLUMN facts, DROP COLUMN peak_memory_bytes,
    DROP COLUMN cpu_seconds, DROP COLUMN log_sha256, DROP COLUMN log_bytes;
ALTER TABLE executables DROP COLUMN build_info, DROP COLUMN dependencies, DROP COLUMN variant;
DROP TABLE failed_programs;
