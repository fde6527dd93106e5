INSERT INTO rebuilds (token, import_path, of_token, reproduced, detail)
SELECT $1::bigint, r.import_path, $2::bigint, r.reproduced, r.detail
  FROM unnest($3::text[], $4::boolean[], $5::text[]) AS r (import_path, reproduced, detail)
