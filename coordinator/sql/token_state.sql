-- Both tables in one snapshot: an Accept moves a token from one to the other.
SELECT coalesce(r.worker, '') AS running_on, coalesce(r.secret_sha256, '') AS secret_sha256,
       EXISTS (SELECT 1 FROM queue WHERE offered_token = $1::bigint) AS offered
  FROM (SELECT) AS one
  LEFT JOIN (SELECT s.worker, s.secret_sha256
               FROM leases l
               JOIN sessions s ON s.id = l.session_id
              WHERE l.token = $1::bigint) AS r ON true
