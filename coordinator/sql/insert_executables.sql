INSERT INTO executables (token, job_id, import_path, name, size, sha256, blake3, main_version, go_version, build_info,
                         dependencies, variant)
SELECT $1::bigint, $2::bigint, e.*
  FROM jsonb_to_recordset($3::jsonb)
       AS e (import_path text, name text, size bigint, sha256 text, blake3 text, main_version text, go_version text,
             build_info text, dependencies jsonb, variant text)
