SELECT module_id, repository, known, stars, archived, fork, license, importers, deprecated, description,
       (extract(epoch FROM pushed_at) * 1000000)::bigint AS pushed_us, document, detail,
       (extract(epoch FROM checked_at) * 1000000)::bigint AS checked_us,
       coalesce(github::text, '') AS github, github_etag,
       (extract(epoch FROM github_at) * 1000000)::bigint AS github_us
  FROM catalog_enrichment WHERE module_id = ANY ($1::integer[])
