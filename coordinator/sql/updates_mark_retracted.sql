-- The index alone forgets what its author took back, and shows it again when he does not take it back any more. What a
-- person withdrew stays away.
WITH marked AS (
  UPDATE releases r
     SET retracted = w.why
    FROM unnest($1::text[], $2::text[], $3::text[]) AS w (module, version, why)
   WHERE r.module = w.module AND r.version = w.version AND r.withdrawn_at IS NULL AND r.retracted <> w.why
  RETURNING r.id, r.token, r.retracted)
UPDATE publications p
   SET withdraw = marked.retracted <> '', state = 1, tries = 0, failure_class = '', next_try_at = now(),
       detail = CASE WHEN marked.retracted = '' THEN '' ELSE 'retracted: ' || marked.retracted END,
       change = p.change + 1, changed_at = now(), ordered_at = now()
  FROM marked
 WHERE p.release_id = marked.id AND p.token = marked.token AND p.destination = 'index'
