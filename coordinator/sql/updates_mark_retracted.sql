-- The index alone forgets what its author took back, and shows it again when he does not take it back any more. What a
-- person withdrew stays away. Registries keep it, but look anew which version is their latest; folders have none.
WITH marked AS (
  UPDATE releases r
     SET retracted = w.why
    FROM unnest($1::text[], $2::text[], $3::text[]) AS w (module, version, why)
   WHERE r.module = w.module AND r.version = w.version AND r.withdrawn_at IS NULL AND r.retracted <> w.why
  RETURNING r.id, r.token, r.retracted)
UPDATE publications p
   SET withdraw = p.destination = 'index' AND marked.retracted <> '',
       detail = CASE WHEN p.destination = 'index' AND marked.retracted <> '' THEN 'retracted: ' || marked.retracted
                     ELSE '' END,
       state = 1, tries = 0, failure_class = '', next_try_at = now(), change = p.change + 1, changed_at = now(),
       ordered_at = now()
  FROM marked
 WHERE p.release_id = marked.id AND p.token = marked.token
   AND (p.destination = 'index' OR (p.destination NOT LIKE '/%' AND p.state = 4 AND NOT p.withdraw))
