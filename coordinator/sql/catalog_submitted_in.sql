SELECT count(*) FROM catalog_decisions WHERE batch_id = $1::bigint
