-- Those that failed or wait for a person, of the ids or, with none, all of them. What differs waits on, unless a person
-- says that it takes the place of the other one.
UPDATE publications
   SET state = 1, tries = 0, next_try_at = now(), change = change + 1, changed_at = now(), ordered_at = now()
 WHERE state IN (2, 3) AND failure_class <> 'differs' AND (cardinality($1::bigint[]) = 0 OR id = ANY ($1::bigint[]))
RETURNING id
