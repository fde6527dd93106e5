-- What a batch came to, from the moment when none of its jobs is queued or running. A job that ended never changes, so
-- this holds until a retry puts another job in the place of one; whoever does that deletes the row.
CREATE TABLE batch_counts (
    batch_id         bigint PRIMARY KEY REFERENCES batches (id),
    built            bigint NOT NULL,
    partial          bigint NOT NULL,
    nothing_to_build bigint NOT NULL,
    failed           bigint NOT NULL,
    cancelled        bigint NOT NULL,
    executables      bigint NOT NULL
);

-- A batch with the counts of its jobs: kept ones when it has them, else counted. OFFSET 0 keeps the planner from
-- joining with all jobs of the farm: a batch costs what it holds itself.
DROP VIEW batch_summaries;
CREATE VIEW batch_summaries AS
SELECT b.id, b.request_id, b.name, b.submitter, b.priority, b.labels, b.created_at, b.cancelled_at,
       CASE WHEN b.cancelled_at IS NOT NULL THEN 3 WHEN c.queued + c.running > 0 THEN 1 ELSE 2 END AS state,
       c.queued, c.running,
       coalesce(k.built, c.built) AS built,
       coalesce(k.partial, c.partial) AS partial,
       coalesce(k.nothing_to_build, c.nothing_to_build) AS nothing_to_build,
       coalesce(k.failed, c.failed) AS failed,
       coalesce(k.cancelled, c.cancelled) AS cancelled,
       coalesce(k.executables, c.executables) AS executables,
       k.batch_id IS NOT NULL AS kept
  FROM batches b
  LEFT JOIN batch_counts k ON k.batch_id = b.id
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE j.state = 1) AS queued,
              count(*) FILTER (WHERE j.state = 2) AS running,
              count(*) FILTER (WHERE j.state = 3) AS built,
              count(*) FILTER (WHERE j.state = 4) AS partial,
              count(*) FILTER (WHERE j.state = 5) AS nothing_to_build,
              count(*) FILTER (WHERE j.state = 6) AS failed,
              count(*) FILTER (WHERE j.state = 7) AS cancelled,
              coalesce(sum(j.executables), 0)::bigint AS executables
         FROM batch_jobs bj
        CROSS JOIN LATERAL (SELECT o.state, o.executables FROM jobs o WHERE o.id = bj.job_id OFFSET 0) j
        WHERE bj.batch_id = b.id AND k.batch_id IS NULL) c;

INSERT INTO batch_counts
SELECT bj.batch_id,
       count(*) FILTER (WHERE j.state = 3),
       count(*) FILTER (WHERE j.state = 4),
       count(*) FILTER (WHERE j.state = 5),
       count(*) FILTER (WHERE j.state = 6),
       count(*) FILTER (WHERE j.state = 7),
       coalesce(sum(j.executables), 0)::bigint
  FROM batch_jobs bj
  JOIN jobs j ON j.id = bj.job_id
 GROUP BY bj.batch_id
HAVING count(*) FILTER (WHERE j.state IN (1, 2)) = 0;
