UPDATE catalog_index_state SET modules = $1::integer, versions = $2::bigint
