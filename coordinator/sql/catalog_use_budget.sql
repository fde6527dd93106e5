INSERT INTO catalog_days (day, modules)
VALUES ((now() AT TIME ZONE 'UTC')::date, $1::integer)
    ON CONFLICT (day) DO UPDATE SET modules = catalog_days.modules + EXCLUDED.modules
