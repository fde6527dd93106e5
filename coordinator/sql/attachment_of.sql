SELECT token, name, import_path, kind, size, sha256, blake3
  FROM attachments
 WHERE token = $1::bigint AND name = $2::text
