UPDATE jobs
   SET state = $2::smallint, failure_class = $3::smallint, failure_detail = $4::text, result_token = $5::bigint,
       executables = $6::integer, infra_failures = $7::integer, worker_failures = $8::integer, ended_at = now()
 WHERE id = $1::bigint
