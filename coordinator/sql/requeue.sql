UPDATE queue
   SET running = false, not_before = now() + $2::double precision * interval '1 second',
       -- A rebuild goes on to avoid the worker that built it first, unless another one failed.
       avoid_worker = CASE WHEN $3::text = '' AND EXISTS (SELECT FROM jobs j WHERE j.id = $1::bigint AND j.rebuild_of IS NOT NULL)
                           THEN avoid_worker ELSE $3::text END
 WHERE job_id = $1::bigint
