-- Releases that a destination has never heard of: those of before it was configured. What waits for a person because another
-- version was not reproduced waits there, too. The lock: withdrawing comes before, and this sees it, or after, and takes
-- these rows away as well.
INSERT INTO publications (release_id, destination, token, state, failure_class, detail)
SELECT r.id, d.name, r.token, CASE WHEN w.detail IS NULL THEN 1 ELSE 3 END,
       CASE WHEN w.detail IS NULL THEN '' ELSE 'not_reproduced' END, coalesce(w.detail, '')
  FROM unnest($1::text[]) AS d (name)
 CROSS JOIN LATERAL (
       SELECT o.id, o.token
         FROM releases o
        WHERE o.withdrawn_at IS NULL
          AND NOT EXISTS (SELECT FROM publications p
                           WHERE p.release_id = o.id AND p.destination = d.name AND p.token = o.token)
        ORDER BY o.id
        LIMIT $2::integer
          FOR SHARE OF o) r
  LEFT JOIN LATERAL (
       SELECT p.detail
         FROM publications p
        WHERE p.release_id = r.id AND p.token = r.token AND p.state = 3 AND p.failure_class = 'not_reproduced'
        LIMIT 1) AS w ON true
    ON CONFLICT (release_id, destination, token) DO NOTHING
