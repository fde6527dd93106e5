UPDATE attempts
   SET outcome = $2::smallint, ended_at = now(), failure_class = $3::smallint, failure_detail = $4::text,
       answered_state = nullif($5::smallint, 0)
 WHERE token = $1::bigint AND outcome = 1
