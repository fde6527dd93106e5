-- Before webhook_told: what a retry of the batch's jobs did meanwhile is seen by the statement after this one.
SELECT 1 FROM webhook_messages WHERE destination = $1::text AND batch_id = $2::bigint FOR UPDATE
