-- All of them: a bound would leave out the newest batches for as long as so many older ones are open.
SELECT batch_id, message_id, sequence, said
  FROM webhook_messages
 WHERE destination = $1::text AND NOT ended
 ORDER BY batch_id
