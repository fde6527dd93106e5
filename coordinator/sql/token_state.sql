-- Both tables in one snapshot: an Accept moves a token from one to the other.
SELECT coalesce((SELECT s.worker FROM leases l JOIN sessions s ON s.id = l.session_id WHERE l.token = $1::bigint),
                '') AS running_on,
       EXISTS (SELECT 1 FROM queue WHERE offered_token = $1::bigint) AS offered
