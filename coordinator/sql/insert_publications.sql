-- Of this attempt's executables: those that stand for their programs go to every destination. Those that differ from the
-- one that stands are parked there. Equal ones go nowhere: they are there already.
INSERT INTO publications (release_id, destination, token, state, failure_class, detail)
SELECT r.id, d.destination, $1::bigint, CASE WHEN r.token = $1::bigint THEN 1 ELSE 3 END,
       CASE WHEN r.token = $1::bigint THEN '' ELSE 'differs' END,
       CASE WHEN r.token = $1::bigint THEN '' ELSE $5::text END
  FROM jobs j
  JOIN executables new ON new.token = $1::bigint AND new.import_path = ANY ($3::text[])
  JOIN releases r ON r.module = j.module AND r.version = j.version AND r.target = j.target
                 AND r.import_path = new.import_path
  JOIN executables old ON old.token = r.token AND old.import_path = r.import_path
 CROSS JOIN unnest($4::text[]) AS d (destination)
 WHERE j.id = $2::bigint AND r.withdrawn_at IS NULL AND (r.token = $1::bigint OR new.sha256 <> old.sha256)
    ON CONFLICT (release_id, destination, token) DO NOTHING
