-- The last job of each version and target that ended in a way that says something of the module, by what was forecast
-- for it and what came. Failure classes are those of ids.proto: what recipe, worker, proxy or farm failed in is left out.
SELECT f.verdict, f.came, count(*) AS jobs
  FROM (SELECT d.forecast -> (ARRAY['x86_64', 'aarch64', 'riscv64', 'loongarch64'])[j.target] ->> 'verdict' AS verdict,
               CASE WHEN j.state = 3 THEN 'buildable'
                    -- Some programs were built: the forecast is about those of kind program, where there are any.
                    WHEN j.state = 4 AND EXISTS (
                           SELECT FROM executables e
                             JOIN jsonb_array_elements(d.document -> 'programs') p ON p ->> 'import_path' = e.import_path
                            WHERE e.token = j.result_token AND (p ->> 'kind' = 'program' OR d.programs = 0))
                      THEN 'buildable'
                    -- It has programs, and constraints leave them no file for this target.
                    WHEN j.state = 5 AND d.document -> 'programs' <> '[]' THEN 'excluded'
                    WHEN j.state = 5 THEN 'no_program'
                    -- It was built, and crashes when it starts.
                    WHEN j.failure_class = 19 THEN 'buildable'
                    WHEN j.failure_class = 3 THEN 'go_too_new'
                    WHEN j.failure_class = 4 THEN 'needs_library'
                    WHEN j.failure_class = 5 THEN 'excluded'
                    ELSE 'other' END AS came
          FROM (SELECT DISTINCT ON (module, version, target) module, version, target, state, failure_class, result_token
                  FROM jobs
                 WHERE rebuild_of IS NULL
                   AND (state IN (3, 4, 5) OR (state = 6 AND failure_class NOT IN (9, 10, 12, 13, 14, 15, 16, 17)))
                 ORDER BY module, version, target, id DESC) j
          JOIN catalog_modules m ON m.path = j.module
          JOIN catalog_detections d ON d.module_id = m.id AND d.version = j.version) f
 WHERE f.verdict IS NOT NULL
 GROUP BY f.verdict, f.came
