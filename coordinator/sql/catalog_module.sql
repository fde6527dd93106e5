SELECT id, path, latest, versions, (extract(epoch FROM latest_indexed_at) * 1000000)::bigint AS latest_indexed_at,
       (extract(epoch FROM first_indexed_at) * 1000000)::bigint AS first_indexed_at,
       (extract(epoch FROM last_indexed_at) * 1000000)::bigint AS last_indexed_at, revision
  FROM catalog_modules WHERE path = $1::text
