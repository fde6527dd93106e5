SELECT j.*
  FROM batch_jobs b
  JOIN job_rows j ON j.id = b.job_id
 WHERE b.batch_id = $4::bigint AND b.job_id > $1::bigint AND ($2::smallint = 0 OR j.state = $2::smallint)
   AND ($5::text = '' OR j.module = $5::text)
 ORDER BY b.job_id
 LIMIT $3::bigint
