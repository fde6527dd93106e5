SELECT id, (extract(epoch FROM at) * 1000000)::bigint AS at_us, who, role, origin, action, detail
  FROM audit
 WHERE id > $1::bigint AND at >= to_timestamp($2::double precision)
 ORDER BY id
 LIMIT $3::bigint
