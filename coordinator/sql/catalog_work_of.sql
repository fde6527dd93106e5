SELECT stage, stage_version, (extract(epoch FROM nullif(due_at, 'infinity')) * 1000000)::bigint AS due_us, failures
  FROM catalog_work WHERE module_id = $1::integer ORDER BY stage
