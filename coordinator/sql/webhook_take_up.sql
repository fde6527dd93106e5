-- Batches that the destination ($1) is not told of yet, oldest first, at most $3. A batch may come to be seen after one
-- with a higher id, so the last $2 ids are looked through again. Each second: a bounded number of batches is read, and
-- messages are looked for one by one, however many of both there are.
WITH fresh AS (
    INSERT INTO webhook_messages (destination, batch_id)
    SELECT w.destination, b.id
      FROM webhooks w
     CROSS JOIN LATERAL (
           SELECT o.id
             FROM batches o
            WHERE o.id > greatest(w.first_batch, w.up_to_batch - $2::bigint)
            ORDER BY o.id
            LIMIT $2::bigint + $3::bigint) b
     WHERE w.destination = $1::text
       AND NOT EXISTS (
           SELECT 1 FROM webhook_messages m WHERE m.batch_id = b.id AND m.destination = w.destination OFFSET 0)
     ORDER BY b.id
     LIMIT $3::bigint
    RETURNING batch_id)
UPDATE webhooks w
   SET up_to_batch = greatest(w.up_to_batch, n.highest)
  FROM (SELECT count(*) AS taken, max(batch_id) AS highest FROM fresh) n
 WHERE w.destination = $1::text AND n.taken > 0
RETURNING n.taken
