INSERT INTO catalog_work (stage, module_id)
SELECT s.stage, i.id FROM unnest($1::smallint[]) AS s (stage), unnest($2::integer[]) AS i (id) ORDER BY 1, 2
ON CONFLICT DO NOTHING
