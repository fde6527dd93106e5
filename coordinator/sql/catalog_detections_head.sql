SELECT coalesce((SELECT revision FROM catalog_detections ORDER BY revision DESC LIMIT 1), 0)::bigint AS revision
