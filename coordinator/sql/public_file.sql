-- A file of an attempt of which something stands for its program: the executable itself only when it does. Of the rebuild
-- that says whether that is reproduced: what it says.
SELECT a.sha256, a.size, a.kind
  FROM attachments a
 WHERE a.token = $1::bigint AND a.name = $2::text
   AND (EXISTS (SELECT FROM releases r
                 WHERE r.token = a.token AND r.withdrawn_at IS NULL
                   AND (a.kind <> 'executable' OR r.import_path = a.import_path))
        OR EXISTS (SELECT FROM releases r
                    WHERE r.rebuild_token = a.token AND r.withdrawn_at IS NULL AND r.import_path = a.import_path))
