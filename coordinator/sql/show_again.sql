-- What the index says of these programs changed: how often they were built alike.
UPDATE publications p
   SET state = 1, change = p.change + 1, next_try_at = now(), changed_at = now(), ordered_at = now()
  FROM jobs j, releases r
 WHERE j.id = $2::bigint AND r.module = j.module AND r.version = j.version AND r.target = j.target
   AND r.import_path = ANY ($3::text[]) AND r.token <> $1::bigint
   AND p.release_id = r.id AND p.token = r.token AND p.destination = 'index' AND p.state = 4
