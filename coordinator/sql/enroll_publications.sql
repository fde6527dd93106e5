-- Releases that a destination has never heard of: those of before it was configured.
INSERT INTO publications (release_id, destination, token)
SELECT r.id, d.name, r.token
  FROM unnest($1::text[]) AS d (name)
 CROSS JOIN LATERAL (
       SELECT o.id, o.token
         FROM releases o
        WHERE o.withdrawn_at IS NULL
          AND NOT EXISTS (SELECT FROM publications p
                           WHERE p.release_id = o.id AND p.destination = d.name AND p.token = o.token)
        LIMIT $2::integer) r
    ON CONFLICT (release_id, destination, token) DO NOTHING
