UPDATE batches SET request_id = NULL
 WHERE id IN (SELECT id
                FROM batches
               WHERE request_id IS NOT NULL AND created_at < now() - $1::double precision * interval '1 second'
               ORDER BY id
               LIMIT $2::bigint
                 FOR UPDATE SKIP LOCKED)
