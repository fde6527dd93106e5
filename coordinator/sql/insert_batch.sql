INSERT INTO batches (request_id, name, submitter, priority, labels)
VALUES ($1::text, $2::text, $3::text, $4::integer, $5::jsonb)
ON CONFLICT (request_id) DO NOTHING
RETURNING id
