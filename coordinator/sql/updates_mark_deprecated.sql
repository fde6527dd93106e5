-- Releases whose author called their module deprecated since, or does not any more: the index tells it anew.
WITH due AS (
  SELECT r.id, c.deprecated AS note, s.deprecated
    FROM releases r
    JOIN catalog_modules m ON m.path = r.module
    JOIN catalog_reach c ON c.module_id = m.id AND c.state = 1
    LEFT JOIN catalog_enrichment e ON e.module_id = m.id
   CROSS JOIN LATERAL (SELECT c.deprecated <> '' OR coalesce(e.deprecated, false) AS deprecated) s
   WHERE r.withdrawn_at IS NULL
     AND (coalesce(r.facts ->> 'deprecated_note', '') <> c.deprecated
          OR (coalesce(r.facts ->> 'deprecated', 'false') = 'true') <> s.deprecated)
   ORDER BY r.id
   LIMIT $1::integer),
marked AS (
  UPDATE releases r
     SET facts = r.facts || jsonb_build_object('deprecated', due.deprecated, 'deprecated_note', due.note)
    FROM due
   WHERE r.id = due.id
  RETURNING r.id, r.token),
told AS (
  UPDATE publications p
     SET state = 1, change = p.change + 1, next_try_at = now(), changed_at = now(), ordered_at = now()
    FROM marked
   WHERE p.release_id = marked.id AND p.token = marked.token AND p.destination = 'index' AND p.state IN (1, 2, 4)
     AND NOT p.withdraw
  RETURNING 1)
SELECT count(*) AS marked, (SELECT count(*) FROM told) AS told FROM marked
