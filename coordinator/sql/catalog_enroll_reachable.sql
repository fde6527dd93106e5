-- The next modules that can be downloaded in a version that detect has not seen.
WITH page AS (
  SELECT module_id, revision, version, state FROM catalog_reach WHERE revision > $1::bigint ORDER BY revision LIMIT $2::int),
enrolled AS (
  INSERT INTO catalog_work (stage, module_id, due_at)
  SELECT 4, p.module_id, now()
    FROM page p
    LEFT JOIN catalog_detections d ON d.module_id = p.module_id
   WHERE p.state = 1 AND d.version IS DISTINCT FROM p.version
   ORDER BY p.module_id
  ON CONFLICT (stage, module_id) DO UPDATE SET due_at = now(), failures = 0
   WHERE catalog_work.due_at > now()
  RETURNING 1)
SELECT coalesce(max(revision), 0) AS revision, count(*) AS read, (SELECT count(*) FROM enrolled) AS enrolled FROM page
