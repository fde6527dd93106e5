SELECT id, secret_sha256 FROM sessions WHERE worker = $1::text ORDER BY id FOR UPDATE
