-- Modules with programs of any kind, by id: whose forecasts depend on what is known of others.
SELECT module_id, revision, targets, document, forecast
  FROM catalog_detections
 WHERE module_id > $1::integer AND document -> 'programs' <> '[]'
 ORDER BY module_id LIMIT $2::int
