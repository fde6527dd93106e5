SELECT id FROM sessions WHERE worker = $1::text ORDER BY id FOR UPDATE
