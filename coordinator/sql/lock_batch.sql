SELECT id, cancelled_at IS NOT NULL AS cancelled FROM batches WHERE id = $1::bigint FOR UPDATE
