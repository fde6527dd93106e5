SELECT batch_id, message_id, sequence, said
  FROM webhook_messages
 WHERE destination = $1::text AND NOT ended
 ORDER BY batch_id
 LIMIT $2::bigint
