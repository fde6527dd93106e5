SELECT w.name, w.hello, w.report, (extract(epoch FROM w.last_seen_at) * 1000000)::bigint AS seen_us,
       coalesce(s.lease_expires_at > now(), false) AS has_session
  FROM workers w
  LEFT JOIN sessions s ON s.worker = w.name
 ORDER BY w.name
