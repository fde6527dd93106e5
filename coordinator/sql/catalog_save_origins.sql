INSERT INTO catalog_origins (name, origin)
SELECT name, $2::text FROM unnest($1::text[]) AS n (name) ORDER BY name
ON CONFLICT DO NOTHING
