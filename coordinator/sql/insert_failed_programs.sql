INSERT INTO failed_programs (token, job_id, import_path, name, failure_class, failure_detail)
SELECT $1::bigint, $2::bigint, f.*
  FROM unnest($3::text[], $4::text[], $5::smallint[], $6::text[]) AS f (import_path, name, failure_class, failure_detail)
