-- What became of the jobs of a batch ($1), by class of failure (0: none), and how many of them ended within the last $2
-- seconds of the batch's life.
SELECT j.class, count(*) AS jobs, count(*) FILTER (WHERE j.late) AS lately,
       (extract(epoch FROM max(j.ended_at)) * 1000000)::bigint AS ended_us
  FROM batches b
  JOIN batch_jobs bj ON bj.batch_id = b.id
 CROSS JOIN LATERAL (
       SELECT o.ended_at, CASE WHEN o.state IN (4, 6) THEN o.failure_class ELSE 0 END AS class,
              o.ended_at > greatest(b.created_at, now() - make_interval(secs => $2::float8)) AS late
         FROM jobs o
        WHERE o.id = bj.job_id
       OFFSET 0) j
 WHERE b.id = $1::bigint
 GROUP BY j.class
