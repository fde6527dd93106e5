UPDATE queue
   SET running = false, not_before = now() + $2::double precision * interval '1 second', avoid_worker = $3::text
 WHERE job_id = $1::bigint
