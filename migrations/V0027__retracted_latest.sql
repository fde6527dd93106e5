-- A registry's `latest` is no version that its author took back, as long as there is another.
CREATE OR REPLACE VIEW publication_rows AS
SELECT p.id, p.destination, p.state, p.withdraw, p.change, p.tries, p.next_try_at, p.failure_class, p.detail, p.digest,
       r.id AS release_id, r.module, r.version, r.import_path, r.target, r.facts, r.reproduced, r.differed,
       p.token, e.job_id, e.size, e.sha256, e.blake3, e.go_version, a.ended_at AS built_at,
       coalesce(r.rebuild_token, 0) AS rebuild_token, coalesce(b.detail, '') AS rebuild_detail, t.ended_at AS rebuilt_at,
       r.retracted <> '' AS retracted
  FROM publications p
  JOIN releases r ON r.id = p.release_id
  JOIN executables e ON e.token = p.token AND e.import_path = r.import_path
  JOIN attempts a ON a.token = p.token
  LEFT JOIN attempts t ON t.token = r.rebuild_token
  LEFT JOIN rebuilds b ON b.token = r.rebuild_token AND b.import_path = r.import_path;
