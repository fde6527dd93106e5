-- What operators list of jobs; the pages differ only in which rows they take.
CREATE VIEW job_rows AS
SELECT j.id, j.module, j.version, j.target, j.state, j.failure_class, j.failure_detail, j.toolset, j.recipe_digest,
       j.generation, coalesce(j.rebuild_of, 0) AS rebuild_of,
       (extract(epoch FROM j.created_at) * 1000000)::bigint AS created_us,
       (extract(epoch FROM j.ended_at) * 1000000)::bigint AS ended_us,
       (extract(epoch FROM q.not_before) * 1000000)::bigint AS not_before_us,
       q.not_before > now() AS waits
  FROM jobs j
  LEFT JOIN queue q ON q.job_id = j.id AND j.state = 1;
