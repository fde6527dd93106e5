SELECT (SELECT count(*) FROM withdrawals) AS withdrawals,
       (SELECT count(*) FROM (SELECT DISTINCT module, version FROM releases
                               WHERE retracted <> '' AND withdrawn_at IS NULL) t) AS retracted,
       coalesce((SELECT modules FROM catalog_days WHERE day = (now() AT TIME ZONE 'UTC')::date), 0) AS queued_today
