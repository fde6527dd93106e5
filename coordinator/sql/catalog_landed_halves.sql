SELECT h.half, EXISTS (SELECT FROM catalog_landing_0) AS in_0, EXISTS (SELECT FROM catalog_landing_1) AS in_1
  FROM catalog_landing_half h
