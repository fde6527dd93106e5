SELECT module_id, version, state, detail, declared_path, go_version, deprecated, retracted, zip_bytes,
       (extract(epoch FROM absent_since) * 1000000)::bigint AS absent_us,
       (extract(epoch FROM checked_at) * 1000000)::bigint AS checked_us
  FROM catalog_reach WHERE module_id = ANY ($1::integer[])
