SELECT version, (extract(epoch FROM indexed_at) * 1000000)::bigint AS indexed_at
  FROM catalog_versions WHERE module_id = $1::integer AND version > $2::text
 ORDER BY module_id, version LIMIT $3::integer
