-- Of this attempt's executables: those that stand for their programs go to every destination, unless another version of the
-- program came out differently when it was built again: then they wait there for a person, until a later version was
-- reproduced. Those that differ from the one that stands are parked, too. Equal ones go nowhere: they are there already.
INSERT INTO publications (release_id, destination, token, state, failure_class, detail)
SELECT r.id, d.destination, $1::bigint, CASE WHEN w.why = '' THEN 1 ELSE 3 END, w.why,
       CASE w.why WHEN 'differs' THEN $5::text WHEN 'not_reproduced' THEN replace($6::text, 'VERSION', other.version) ELSE '' END
  FROM jobs j
  JOIN executables new ON new.token = $1::bigint AND new.import_path = ANY ($3::text[])
  JOIN releases r ON r.module = j.module AND r.version = j.version AND r.target = j.target
                 AND r.import_path = new.import_path
  JOIN executables old ON old.token = r.token AND old.import_path = r.import_path
  LEFT JOIN LATERAL (
       SELECT o.version
         FROM releases o
        WHERE o.module = r.module AND o.import_path = r.import_path AND o.version <> r.version AND o.differed > 0
          AND o.withdrawn_at IS NULL
          AND NOT EXISTS (SELECT FROM releases n
                           WHERE n.module = o.module AND n.import_path = o.import_path AND n.version <> o.version
                             AND n.id > o.id AND n.reproduced > 0 AND n.differed = 0)
        ORDER BY o.id DESC
        LIMIT 1) AS other ON true
 CROSS JOIN LATERAL (
       SELECT CASE WHEN r.token <> $1::bigint THEN 'differs' WHEN other.version IS NOT NULL THEN 'not_reproduced' ELSE '' END
              AS why) AS w
 CROSS JOIN unnest($4::text[]) AS d (destination)
 WHERE j.id = $2::bigint AND r.withdrawn_at IS NULL AND (r.token = $1::bigint OR new.sha256 <> old.sha256)
    ON CONFLICT (release_id, destination, token) DO NOTHING
