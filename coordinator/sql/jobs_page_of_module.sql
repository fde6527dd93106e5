SELECT *
  FROM job_rows
 WHERE module = $4::text AND id > $1::bigint AND ($2::smallint = 0 OR state = $2::smallint)
 ORDER BY id
 LIMIT $3::bigint
