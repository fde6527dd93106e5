UPDATE publications p
   SET state = CASE WHEN p.withdraw THEN 5 ELSE 4 END, failure_class = '',
       detail = CASE WHEN p.withdraw THEN p.detail ELSE '' END, tries = 0, changed_at = now(),
       published_at = CASE WHEN p.withdraw THEN p.published_at ELSE coalesce(p.published_at, now()) END
  FROM unnest($1::bigint[], $2::integer[]) AS done (id, change)
 WHERE p.id = done.id AND p.change = done.change
