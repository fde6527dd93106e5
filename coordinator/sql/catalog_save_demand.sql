INSERT INTO catalog_demand (import_path, kind, from_module)
SELECT d.import_path, d.kind, d.from_module
  FROM jsonb_to_recordset($1::jsonb) AS d (import_path text, kind smallint, from_module integer)
 ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING
