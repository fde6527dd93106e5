INSERT INTO catalog_landing (half, lines, packed) VALUES ($1::smallint, $2::integer, $3::bytea)
