-- Selected modules that the door of batches does not take: `submitted` without a batch says so until the decision
-- changes (catalog_save_decisions). Reach looks at them next.
WITH out AS (
  UPDATE catalog_decisions d
     SET selected = false, reason = s.reason, decided_at = to_timestamp($2::double precision), submitted = s.version,
         batch_id = NULL
    FROM jsonb_to_recordset($1::jsonb) AS s (module_id integer, version text, reason text)
   WHERE d.module_id = s.module_id
  RETURNING d.module_id
)
UPDATE catalog_work w SET due_at = now() FROM out WHERE w.stage = 3 AND w.module_id = out.module_id
