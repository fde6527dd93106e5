-- An end that was told while jobs of the batch were queued anew is none: more is told in the same message.
UPDATE webhook_messages
   SET message_id = $4::text, said = $5::text, sequence = sequence + 1, changed_at = now(),
       ended = $6::boolean AND (SELECT queued + running = 0 FROM batch_summaries WHERE id = $2::bigint)
 WHERE destination = $1::text AND batch_id = $2::bigint AND sequence = $3::integer
