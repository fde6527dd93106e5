INSERT INTO catalog_decisions (module_id, version, selected, reason, decided_at)
SELECT d.module_id, d.version, d.selected, d.reason, now()
  FROM jsonb_to_recordset($1::jsonb) AS d (module_id integer, version text, selected boolean, reason text)
 ORDER BY d.module_id
ON CONFLICT (module_id) DO UPDATE
   SET version = excluded.version, selected = excluded.selected, reason = excluded.reason, decided_at = now(),
       submitted = CASE WHEN catalog_decisions.batch_id IS NULL THEN '' ELSE catalog_decisions.submitted END
 WHERE (catalog_decisions.version, catalog_decisions.selected, catalog_decisions.reason)
       IS DISTINCT FROM (excluded.version, excluded.selected, excluded.reason)
