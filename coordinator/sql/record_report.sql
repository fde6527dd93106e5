UPDATE attempts
   SET variants = $2::jsonb, phases = $3::jsonb, facts = $4::jsonb, peak_memory_bytes = $5::bigint,
       cpu_seconds = $6::double precision, log_sha256 = nullif($7::text, ''), log_bytes = $8::bigint
 WHERE token = $1::bigint
