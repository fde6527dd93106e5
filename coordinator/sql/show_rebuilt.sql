-- What the index says of these releases changed.
UPDATE publications p
   SET state = 1, change = p.change + 1, next_try_at = now(), changed_at = now()
  FROM releases r
 WHERE r.id = ANY ($1::bigint[]) AND p.release_id = r.id AND p.token = r.token AND p.destination = 'index' AND p.state = 4
