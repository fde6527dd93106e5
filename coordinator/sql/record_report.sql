INSERT INTO reports (token, document) VALUES ($1::bigint, $2::jsonb)
