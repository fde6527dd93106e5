SELECT h.half, (SELECT coalesce(sum(lines), 0)::bigint FROM catalog_landing_0) AS in_0,
       (SELECT coalesce(sum(lines), 0)::bigint FROM catalog_landing_1) AS in_1
  FROM catalog_landing_half h
