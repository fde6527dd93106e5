-- Reports are most of a row: without them for who only asks which workers there are.
SELECT w.name, w.hello, CASE WHEN $3::boolean THEN w.report ELSE '{}' END AS report, w.draining,
       (extract(epoch FROM w.last_seen_at) * 1000000)::bigint AS seen_us,
       coalesce(s.lease_expires_at > now(), false) AS has_session,
       (SELECT count(*) FROM leases l WHERE l.session_id = s.id)
       + (SELECT count(*) FROM queue q WHERE q.offered_session = s.id AND q.offered_token IS NOT NULL) AS held
  FROM workers w
  LEFT JOIN sessions s ON s.worker = w.name
 WHERE w.name COLLATE "C" > $1::text COLLATE "C"
   AND (cardinality($4::text[]) = 0 OR w.name = ANY ($4::text[]))
 ORDER BY w.name COLLATE "C"
 LIMIT $2::integer
