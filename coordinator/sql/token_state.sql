-- Both tables in one snapshot: an Accept moves a token from one to the other.
SELECT EXISTS (SELECT 1 FROM leases WHERE token = $1::bigint) AS running,
       EXISTS (SELECT 1 FROM queue WHERE offered_token = $1::bigint) AS offered
