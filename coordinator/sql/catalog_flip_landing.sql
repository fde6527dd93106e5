UPDATE catalog_landing_half SET half = 1 - half RETURNING 1 - half AS closed
