UPDATE publications p
   SET state = CASE WHEN p.token = r.token THEN 1 ELSE 5 END, failure_class = '', tries = 0, next_try_at = now(),
       detail = CASE WHEN p.token = r.token THEN '' ELSE 'another build took its place' END,
       change = p.change + 1, changed_at = now(), ordered_at = now()
  FROM releases r
 WHERE r.id = ANY ($1::bigint[]) AND p.release_id = r.id
