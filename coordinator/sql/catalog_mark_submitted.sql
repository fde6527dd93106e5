UPDATE catalog_decisions d SET submitted = s.version, batch_id = $2::bigint
  FROM jsonb_to_recordset($1::jsonb) AS s (module_id integer, version text)
 WHERE d.module_id = s.module_id
