-- What everybody may fetch by its digest: an executable that stands for its program, or a file beside one.
SELECT e.size, 'executable' AS kind
  FROM executables e
  JOIN releases r ON r.token = e.token AND r.import_path = e.import_path
 WHERE e.sha256 = $1::text AND r.withdrawn_at IS NULL
UNION ALL
SELECT a.size, a.kind
  FROM attachments a
  JOIN releases r ON r.token = a.token
 WHERE a.sha256 = $1::text AND a.kind <> 'executable' AND r.withdrawn_at IS NULL
 LIMIT 1
