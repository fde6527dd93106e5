SELECT coalesce((SELECT modules FROM catalog_days WHERE day = (now() AT TIME ZONE 'UTC')::date), 0) AS used
