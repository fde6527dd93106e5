-- Takes the place of a table without rows: keys built after its first rows cost half of keys kept while they come.
CREATE TABLE catalog_modules_new (LIKE catalog_modules INCLUDING CONSTRAINTS) WITH (fillfactor = 90)
