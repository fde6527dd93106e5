UPDATE catalog_stages SET running = $2::boolean, changed_at = now() WHERE stage = $1::smallint AND running <> $2::boolean
