INSERT INTO batches (request_id, name, submitter, priority, labels, content_sha256)
VALUES ($1::text, $2::text, $3::text, $4::integer, $5::jsonb, nullif($6::text, ''))
ON CONFLICT (request_id) DO NOTHING
RETURNING id
