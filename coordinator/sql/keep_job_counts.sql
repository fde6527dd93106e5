-- The next $1 jobs, as far as all have ended. Ids are given before they are committed: where jobs are younger than $2
-- seconds there may be gaps that fill, so they stay out.
WITH kept AS MATERIALIZED (
    SELECT up_to_id FROM job_counts FOR UPDATE),
mark AS MATERIALIZED (
    SELECT max(n.id) AS id
      FROM kept
     CROSS JOIN LATERAL (
           SELECT j.id
             FROM jobs j
            WHERE j.id > kept.up_to_id
              AND j.id < coalesce((SELECT min(job_id) FROM queue), 9223372036854775807)
              AND j.created_at < now() - $2::double precision * interval '1 second'
            ORDER BY j.id
            LIMIT $1::bigint) AS n),
ended AS (
    SELECT count(*) FILTER (WHERE j.state = 3) AS built,
           count(*) FILTER (WHERE j.state = 4) AS partial,
           count(*) FILTER (WHERE j.state = 5) AS nothing_to_build,
           count(*) FILTER (WHERE j.state = 6) AS failed,
           count(*) FILTER (WHERE j.state = 7) AS cancelled
      FROM kept
     CROSS JOIN mark
     CROSS JOIN LATERAL (SELECT o.state FROM jobs o WHERE o.id > kept.up_to_id AND o.id <= mark.id OFFSET 0) AS j)
UPDATE job_counts k
   SET up_to_id = mark.id, built = k.built + e.built, partial = k.partial + e.partial,
       nothing_to_build = k.nothing_to_build + e.nothing_to_build, failed = k.failed + e.failed,
       cancelled = k.cancelled + e.cancelled
  FROM mark
 CROSS JOIN ended e
 WHERE mark.id IS NOT NULL
