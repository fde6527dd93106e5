INSERT INTO publish_updates (module, version, targets, batch_id, detail)
SELECT q.module, q.version, q.targets, nullif(q.batch_id, 0), q.detail
  FROM jsonb_to_recordset($1::jsonb) AS q (module text, version text, targets smallint, batch_id bigint, detail text)
    ON CONFLICT (module, version) DO NOTHING
