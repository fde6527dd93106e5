SELECT id, role, name, created_by, (extract(epoch FROM created_at) * 1000000)::bigint AS created_us,
       (extract(epoch FROM expires_at) * 1000000)::bigint AS expires_us, uses, used, revoked_at IS NOT NULL AS revoked
  FROM join_tokens
 WHERE id > $1::bigint
 ORDER BY id
 LIMIT $2::bigint
