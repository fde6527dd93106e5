UPDATE catalog_work w
   SET stage_version = $2::smallint, due_at = coalesce(to_timestamp(d.due), 'infinity'), failures = d.failures
  FROM jsonb_to_recordset($3::jsonb) AS d (module_id integer, due double precision, failures smallint)
 WHERE w.stage = $1::smallint AND w.module_id = d.module_id
