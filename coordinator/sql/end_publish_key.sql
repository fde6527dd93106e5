UPDATE publish_keys
   SET until = now()
 WHERE kind = $1::text AND until IS NULL AND NOT announced AND public_key <> $2::text
