-- The newest that failed, or of which some programs did; of a detail only what its headline may be in.
SELECT j.id, j.module, j.version, j.target, j.failure_class, left(j.failure_detail, $2::integer) AS failure_detail
  FROM jobs j
 WHERE j.state IN (4, 6)
 ORDER BY j.id DESC
 LIMIT $1::bigint
