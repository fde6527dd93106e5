SELECT selected, reason, (extract(epoch FROM decided_at) * 1000000)::bigint AS decided_us, submitted,
       coalesce(batch_id, 0) AS batch_id
  FROM catalog_decisions WHERE module_id = $1::integer
