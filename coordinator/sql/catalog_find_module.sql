SELECT id, path, latest, versions,
       (extract(epoch FROM first_indexed_at) * 1000000)::bigint AS first_us,
       (extract(epoch FROM last_indexed_at) * 1000000)::bigint AS last_us
  FROM catalog_modules WHERE path = $1::text
