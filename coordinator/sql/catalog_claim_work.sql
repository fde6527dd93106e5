-- Modules that lack a result of the stage's present version ($2), then those that are due again.
SELECT w.module_id, m.path, m.latest, w.failures
  FROM ((SELECT module_id, failures FROM catalog_work
          WHERE stage = $1::smallint AND stage_version < $2::smallint
          ORDER BY stage_version, due_at LIMIT $3::int)
        UNION ALL
        (SELECT module_id, failures FROM catalog_work
          WHERE stage = $1::smallint AND stage_version = $2::smallint AND due_at <= now()
          ORDER BY due_at LIMIT $3::int)
        LIMIT $3::int) w
  JOIN catalog_modules m ON m.id = w.module_id
