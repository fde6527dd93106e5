SELECT packed FROM catalog_landing WHERE half = $1::smallint
