SELECT module, version, targets, coalesce(batch_id, 0) AS batch_id, detail,
       (extract(epoch FROM queued_at) * 1000000)::bigint AS queued_us
  FROM publish_updates
 WHERE queued_at >= date_trunc('day', now(), 'UTC')
 ORDER BY queued_at DESC, module
 LIMIT $1::integer
