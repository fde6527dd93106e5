SELECT s.modules, s.versions, (SELECT count(*) FROM catalog_rejects) AS rejected,
       (SELECT count(*) FROM catalog_stuck) AS stuck,
       (SELECT coalesce(sum(l.lines), 0)::bigint FROM catalog_landing l) AS landed
  FROM catalog_index_state s
