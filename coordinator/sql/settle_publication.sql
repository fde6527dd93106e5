-- What came of one try; for an order that was changed meanwhile it is no answer.
UPDATE publications
   SET state = $3::smallint, failure_class = $4::text, detail = $5::text, digest = $6::text,
       tries = CASE WHEN $3::smallint IN (2, 3) THEN tries + 1 ELSE 0 END,
       next_try_at = now() + $7::double precision * interval '1 second', changed_at = now(),
       published_at = CASE WHEN $3::smallint = 4 THEN coalesce(published_at, now()) ELSE published_at END
 WHERE id = $1::bigint AND change = $2::integer
RETURNING id
