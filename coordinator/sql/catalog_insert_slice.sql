INSERT INTO catalog_index_slices (slice, since, until) VALUES ($1::smallint, $2::text, $3::text)
