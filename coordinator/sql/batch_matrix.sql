-- Modules of a batch, by version, each with all of its jobs in it: one whose targets were built for other batches before
-- has jobs far apart. `on_page` marks those of the page. There is an index by module only, so that jobs of other versions
-- are read and left out here: once, as `near` is made before any version is compared.
WITH page AS MATERIALIZED (
    SELECT j.id, j.module, j.version
      FROM batch_jobs b
      JOIN jobs j ON j.id = b.job_id
     WHERE b.batch_id = $1::bigint AND b.job_id > $2::bigint AND ($3::smallint = 0 OR j.state = $3::smallint)
     ORDER BY b.job_id
     LIMIT $4::bigint),
near AS MATERIALIZED (
    SELECT j.id, j.module, j.version, j.target, j.state, j.failure_class, j.executables
      FROM (SELECT DISTINCT module FROM page) m
      JOIN jobs j ON j.module = m.module)
SELECT j.id, j.module, j.version, j.target, j.state, j.failure_class, j.executables,
       EXISTS (SELECT 1 FROM page p WHERE p.id = j.id) AS on_page
  FROM near j
 WHERE EXISTS (SELECT 1 FROM page p WHERE p.module = j.module AND p.version = j.version)
   AND EXISTS (SELECT 1 FROM batch_jobs b WHERE b.batch_id = $1::bigint AND b.job_id = j.id)
 ORDER BY j.module COLLATE "C", j.version COLLATE "C", j.id
