-- One worker by its name, or all that said these labels when they were here last.
UPDATE workers SET draining = $3::boolean, drain_change = nextval('drain_changes')
 WHERE CASE WHEN $1::text <> '' THEN name = $1::text ELSE hello -> 'labels' @> $2::jsonb END
RETURNING name, drain_change
