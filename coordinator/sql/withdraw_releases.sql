UPDATE releases
   SET withdrawn_at = now()
 WHERE module = $1::text AND ($2::text = '' OR version = $2::text) AND withdrawn_at IS NULL
RETURNING id
