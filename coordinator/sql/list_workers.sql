-- Reports are most of a row: without them for who only asks which workers there are.
SELECT w.name, w.hello, CASE WHEN $3::boolean THEN w.report ELSE '{}' END AS report,
       (extract(epoch FROM w.last_seen_at) * 1000000)::bigint AS seen_us,
       coalesce(s.lease_expires_at > now(), false) AS has_session
  FROM workers w
  LEFT JOIN sessions s ON s.worker = w.name
 WHERE w.name COLLATE "C" > $1::text COLLATE "C"
 ORDER BY w.name COLLATE "C"
 LIMIT $2::integer
