SELECT retracted
  FROM releases
 WHERE module = $1::text AND ($2::text = '' OR version = $2::text) AND retracted <> '' AND withdrawn_at IS NULL
 ORDER BY id DESC
 LIMIT 1
