SELECT m.path, m.id, v.version, v.indexed_at
  FROM catalog_modules m JOIN catalog_versions v ON v.module_id = m.id
 ORDER BY m.path, v.version
