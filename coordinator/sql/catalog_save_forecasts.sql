-- Not where the module was read again since.
UPDATE catalog_detections d
   SET targets = f.targets, forecast = f.forecast
  FROM jsonb_to_recordset($1::jsonb) AS f (module_id integer, revision bigint, targets smallint, forecast jsonb)
 WHERE d.module_id = f.module_id AND d.revision = f.revision
