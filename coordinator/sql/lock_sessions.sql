SELECT id FROM sessions WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE
