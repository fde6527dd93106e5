SELECT module, version, max(retracted) AS reason
  FROM releases
 WHERE retracted <> '' AND withdrawn_at IS NULL
 GROUP BY module, version
 ORDER BY module, version
 LIMIT $1::integer
