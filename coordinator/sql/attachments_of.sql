SELECT token, name, import_path, kind, size, sha256, blake3
  FROM attachments
 WHERE token = ANY ($1::bigint[])
 ORDER BY token, name
