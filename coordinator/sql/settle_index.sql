UPDATE publications p
   SET state = CASE WHEN p.withdraw THEN 5 ELSE 4 END, failure_class = '',
       detail = CASE WHEN p.withdraw THEN p.detail ELSE '' END, tries = 0, changed_at = now()
  FROM unnest($1::bigint[], $2::integer[]) AS done (id, change)
 WHERE p.id = done.id AND p.change = done.change
