UPDATE webhook_messages
   SET message_id = $4::text, said = $5::text, ended = $6::boolean, sequence = sequence + 1, changed_at = now()
 WHERE destination = $1::text AND batch_id = $2::bigint AND sequence = $3::integer
