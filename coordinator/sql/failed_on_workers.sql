-- Distinct workers that failed this job in ways that blame workers ($3), the one of the attempt at hand ($2) included.
SELECT count(*)::integer
  FROM (SELECT $2::text AS worker UNION SELECT worker FROM attempts
         WHERE job_id = $1::bigint AND failure_class = ANY ($3::smallint[])) failed
