SELECT kind, public_key, (extract(epoch FROM since) * 1000000)::bigint AS since_us,
       (extract(epoch FROM until) * 1000000)::bigint AS until_us, announced
  FROM publish_keys
 ORDER BY kind, since, public_key
