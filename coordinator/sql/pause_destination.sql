UPDATE publish_destinations
   SET paused = $2::boolean, reason = $3::text
 WHERE name = $1::text
RETURNING name
