UPDATE catalog_modules m
   SET versions = u.versions, latest = u.latest,
       latest_indexed_at = timestamptz '2000-01-01 00:00:00Z' + u.latest_at * interval '1 microsecond',
       first_indexed_at = timestamptz '2000-01-01 00:00:00Z' + u.first_at * interval '1 microsecond',
       last_indexed_at = timestamptz '2000-01-01 00:00:00Z' + u.last_at * interval '1 microsecond',
       revision = CASE WHEN u.revision > 0 THEN u.revision ELSE m.revision END
  FROM unnest($1::integer[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
       AS u (id, versions, latest, latest_at, first_at, last_at, revision)
 WHERE m.id = u.id
