INSERT INTO catalog_stuck (since, lines) VALUES ($1::text, $2::integer) ON CONFLICT DO NOTHING
