-- From the attempt's report, which stands in the same transaction.
INSERT INTO executables (token, job_id, import_path, name, size, sha256, blake3, main_version, go_version, smoke,
                         smoke_detail)
SELECT $1::bigint, $2::bigint, e.*
  FROM reports r
 CROSS JOIN jsonb_to_recordset(r.document -> 'executables')
       AS e (import_path text, name text, size bigint, sha256 text, blake3 text, main_version text, go_version text,
             smoke text, smoke_detail text)
 WHERE r.token = $1::bigint
