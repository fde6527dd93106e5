SELECT j.id, j.module, j.version, j.target, j.state, j.failure_class, j.failure_detail, j.toolset, j.recipe_digest,
       j.generation, coalesce(j.rebuild_of, 0) AS rebuild_of,
       (extract(epoch FROM j.created_at) * 1000000)::bigint AS created_us,
       (extract(epoch FROM j.ended_at) * 1000000)::bigint AS ended_us,
       (extract(epoch FROM q.not_before) * 1000000)::bigint AS not_before_us,
       q.not_before > now() AS waits
  FROM batch_jobs b
  JOIN jobs j ON j.id = b.job_id
  LEFT JOIN queue q ON q.job_id = j.id AND j.state = 1
 WHERE b.batch_id = $4::bigint AND b.job_id > $1::bigint AND ($2::smallint = 0 OR j.state = $2::smallint)
   AND ($5::text = '' OR j.module = $5::text)
 ORDER BY b.job_id
 LIMIT $3::bigint
