SELECT module_id, version, undecided, crashes, declared_path, programs, targets, document,
       (extract(epoch FROM checked_at) * 1000000)::bigint AS checked_us
  FROM catalog_detections WHERE module_id = ANY ($1::integer[])
