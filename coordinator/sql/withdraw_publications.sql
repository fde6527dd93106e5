-- Taken away from where it may be; what never left is done with at once.
UPDATE publications p
   SET withdraw = true, state = CASE WHEN p.state = 3 AND p.failure_class IN ('differs', 'not_reproduced') THEN 5 ELSE 1 END, tries = 0,
       failure_class = '', detail = $2::text, next_try_at = now(), change = p.change + 1, changed_at = now(), ordered_at = now()
 WHERE p.release_id = ANY ($1::bigint[]) AND NOT p.withdraw AND p.state <> 5
