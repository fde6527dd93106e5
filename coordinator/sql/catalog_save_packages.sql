INSERT INTO catalog_packages (module_id, version, packages, untold, document)
SELECT r.module_id, r.version, r.packages, r.untold, r.document
  FROM jsonb_to_recordset($1::jsonb) AS r (module_id integer, version text, packages integer, untold integer, document text)
 ORDER BY r.module_id
ON CONFLICT (module_id) DO UPDATE
   SET version = excluded.version, packages = excluded.packages, untold = excluded.untold, document = excluded.document
