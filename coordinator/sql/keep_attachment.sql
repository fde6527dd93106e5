-- Made after the attempt ended. What stands already stays: it may be signed, and another signature has other bytes.
INSERT INTO attachments (token, name, import_path, kind, size, sha256, blake3)
VALUES ($1::bigint, $2::text, $3::text, $4::text, $5::bigint, $6::text, $7::text)
ON CONFLICT (token, name) DO NOTHING
