-- For import paths in the module: the path itself and what lies below it ('/' + 1 = '0').
SELECT kind, count(DISTINCT from_module) AS modules
  FROM catalog_demand
 WHERE (import_path = $1::text OR (import_path > $1::text || '/' AND import_path < $1::text || '0'))
   AND from_module <> $2::integer
 GROUP BY kind
