UPDATE workers w SET last_seen_at = now()
  FROM sessions s
 WHERE s.id = ANY ($1::bigint[]) AND w.name = s.worker AND w.last_seen_at < now() - interval '20 seconds'
