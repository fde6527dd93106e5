-- Workers that nobody has seen for so many seconds, but for drained ones: those stay drained until they are undrained or
-- removed. One that is about to come back holds its row (save_worker).
DELETE FROM workers w
 WHERE w.last_seen_at < now() - make_interval(secs => $1::double precision) AND NOT w.draining
   AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.worker = w.name)
   AND NOT EXISTS (SELECT 1 FROM leases l JOIN attempts a ON a.token = l.token WHERE a.worker = w.name)
RETURNING w.name
