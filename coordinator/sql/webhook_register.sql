INSERT INTO webhooks (destination, kind, first_batch, up_to_batch)
SELECT $1::text, $2::text, n.id, n.id FROM (SELECT coalesce(max(id), 0) AS id FROM batches) n
ON CONFLICT (destination) DO NOTHING
