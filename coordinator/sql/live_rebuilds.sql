-- Rebuilds of these jobs that are under way.
SELECT j.id, j.rebuild_of
  FROM jobs j
 WHERE j.rebuild_of = ANY ($1::bigint[]) AND j.state IN (1, 2) AND NOT j.cancel_requested
   FOR KEY SHARE OF j
