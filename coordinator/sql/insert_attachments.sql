INSERT INTO attachments (token, name, import_path, kind, size, sha256, blake3)
SELECT $1::bigint, a.*
  FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[])
       AS a (name, import_path, kind, size, sha256, blake3)
