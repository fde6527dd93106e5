-- What is known of the packages of modules, by their paths. OFFSET 0 keeps the planner from reading whole tables for many
-- paths, most of which are no modules.
SELECT q.path, k.document
  FROM unnest($1::text[]) AS q (path)
 CROSS JOIN LATERAL (SELECT p.document FROM catalog_modules m JOIN catalog_packages p ON p.module_id = m.id
                      WHERE m.path = q.path OFFSET 0) k
