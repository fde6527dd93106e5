UPDATE catalog_cursors SET revision = $2::bigint, terms = $3::text WHERE stage = $1::smallint
