-- The renamed table takes the other's place for readers when this commits; they wait for no more than that. Whatever
-- refers to modules refers to none yet, so its foreign keys are made anew at once.
DO $$
DECLARE
    drops text;
    adds  text;
BEGIN
    SELECT string_agg(format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname), '; '),
           string_agg(format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
                             pg_get_constraintdef(oid)), '; ')
      INTO drops, adds
      FROM pg_constraint
     WHERE contype = 'f' AND confrelid = 'catalog_modules'::regclass;
    EXECUTE drops;
    DROP TABLE catalog_modules;
    ALTER TABLE catalog_modules_new RENAME CONSTRAINT catalog_modules_new_pkey TO catalog_modules_pkey;
    ALTER INDEX catalog_modules_new_path RENAME TO catalog_modules_path;
    ALTER INDEX catalog_modules_new_revision RENAME TO catalog_modules_revision;
    ALTER TABLE catalog_modules_new RENAME TO catalog_modules;
    EXECUTE adds;
END $$
