-- Jobs that ended, by what was forecast for them and what came. Failure classes are those of ids.proto.
SELECT f.verdict, f.came, count(*) AS jobs
  FROM (SELECT d.document -> 'forecast' -> (ARRAY['x86_64', 'aarch64', 'riscv64', 'loongarch64'])[j.target] ->> 'verdict' AS verdict,
               CASE WHEN j.state IN (3, 4) THEN 'buildable'
                    WHEN j.state = 5 THEN 'no_program'
                    WHEN j.failure_class = 3 THEN 'go_too_new'
                    WHEN j.failure_class = 4 THEN 'needs_library'
                    WHEN j.failure_class = 5 THEN 'excluded'
                    ELSE 'other' END AS came
          FROM jobs j
          JOIN catalog_modules m ON m.path = j.module
          JOIN catalog_detections d ON d.module_id = m.id AND d.version = j.version
         WHERE j.state IN (3, 4, 5, 6)) f
 WHERE f.verdict IS NOT NULL
 GROUP BY f.verdict, f.came
