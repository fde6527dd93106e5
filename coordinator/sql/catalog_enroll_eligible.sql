-- The next modules whose newest version or time changed. A stage that looks at versions ($4) takes up again what it
-- knows; another one waits for its own time.
WITH page AS (
  SELECT id, revision, last_indexed_at FROM catalog_modules WHERE revision > $2::bigint ORDER BY revision LIMIT $5::int),
enrolled AS (
  INSERT INTO catalog_work (stage, module_id, due_at)
  SELECT $1::smallint, id, now() FROM page WHERE last_indexed_at >= to_timestamp($3::double precision)
   ORDER BY id
  ON CONFLICT (stage, module_id) DO UPDATE SET due_at = now()
   WHERE $4::boolean AND catalog_work.due_at > now()
  RETURNING 1)
SELECT coalesce(max(revision), 0) AS revision, count(*) AS read, (SELECT count(*) FROM enrolled) AS enrolled FROM page
