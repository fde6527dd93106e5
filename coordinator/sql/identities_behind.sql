SELECT name, count(*) OVER () AS behind
  FROM identities
 WHERE revoked_at IS NULL
   AND authority_sha256 IS DISTINCT FROM $1::text
   AND expires_at > now() - make_interval(secs => $2::double precision)
 ORDER BY name
 LIMIT $3::bigint
