UPDATE batches SET cancelled_at = now() WHERE id = $1::bigint AND cancelled_at IS NULL
