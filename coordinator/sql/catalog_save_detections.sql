INSERT INTO catalog_detections (module_id, version, undecided, crashes, declared_path, programs, targets, words, document,
                                forecast, checked_at, revision)
SELECT r.module_id, r.version, r.undecided, r.crashes, r.declared_path, r.programs, r.targets, r.words, r.document,
       coalesce(r.document -> 'forecast', '{}'), to_timestamp(r.checked_at), nextval('catalog_revisions')
  FROM jsonb_to_recordset($1::jsonb) AS r (module_id integer, version text, undecided text, crashes smallint,
       declared_path text, programs integer, targets smallint, words text, document jsonb, checked_at double precision)
 ORDER BY r.module_id
ON CONFLICT (module_id) DO UPDATE
   SET version = excluded.version, undecided = excluded.undecided, crashes = excluded.crashes,
       declared_path = excluded.declared_path, programs = excluded.programs, targets = excluded.targets, words = excluded.words,
       document = excluded.document, forecast = excluded.forecast, checked_at = excluded.checked_at, revision = excluded.revision
