INSERT INTO catalog_enrichment (module_id, repository, known, stars, archived, fork, license, importers, deprecated,
                                description, pushed_at, document, detail, checked_at, revision, github, github_etag,
                                github_at)
SELECT r.module_id, r.repository, r.known, r.stars, r.archived, r.fork, r.license, r.importers, r.deprecated,
       r.description, to_timestamp(r.pushed_at), r.document, r.detail, to_timestamp(r.checked_at),
       nextval('catalog_revisions'), nullif(r.github, 'null'::jsonb), r.github_etag, to_timestamp(r.github_at)
  FROM jsonb_to_recordset($1::jsonb) AS r (module_id integer, repository text, known boolean, stars integer,
       archived boolean, fork boolean, license text, importers integer, deprecated boolean, description text,
       pushed_at double precision, document jsonb, detail text, checked_at double precision, github jsonb,
       github_etag text, github_at double precision)
 ORDER BY r.module_id
ON CONFLICT (module_id) DO UPDATE
   SET repository = excluded.repository, known = excluded.known, stars = excluded.stars, archived = excluded.archived,
       fork = excluded.fork, license = excluded.license, importers = excluded.importers,
       deprecated = excluded.deprecated, description = excluded.description, pushed_at = excluded.pushed_at,
       document = excluded.document, detail = excluded.detail, checked_at = excluded.checked_at,
       revision = excluded.revision, github = excluded.github, github_etag = excluded.github_etag,
       github_at = excluded.github_at
