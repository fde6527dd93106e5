-- Where `retractions` is missing, the newest go.mod was not read: what was known of it stays.
INSERT INTO catalog_reach (module_id, version, state, detail, declared_path, go_version, deprecated, retracted, zip_bytes,
                           absent_since, checked_at, revision, retractions)
SELECT r.module_id, r.version, r.state, r.detail, r.declared_path, r.go_version, r.deprecated, r.retracted, r.zip_bytes,
       to_timestamp(r.absent_since), to_timestamp(r.checked_at), nextval('catalog_revisions'),
       coalesce(r.retractions, (SELECT k.retractions FROM catalog_reach k WHERE k.module_id = r.module_id), '[]')
  FROM jsonb_to_recordset($1::jsonb) AS r (module_id integer, version text, state smallint, detail text,
       declared_path text, go_version text, deprecated text, retracted boolean, zip_bytes bigint,
       absent_since double precision, checked_at double precision, retractions jsonb)
 ORDER BY r.module_id
ON CONFLICT (module_id) DO UPDATE
   SET version = excluded.version, state = excluded.state, detail = excluded.detail,
       declared_path = excluded.declared_path, go_version = excluded.go_version, deprecated = excluded.deprecated,
       retracted = excluded.retracted, zip_bytes = excluded.zip_bytes, absent_since = excluded.absent_since,
       checked_at = excluded.checked_at, revision = excluded.revision,
       retractions = excluded.retractions
