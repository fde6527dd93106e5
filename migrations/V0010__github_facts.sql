-- What GitHub's REST API said of a repository, apart from what was merged of all services: an answer "as it was" leaves
-- it standing, and so does a refresh in which GitHub is not asked.
ALTER TABLE catalog_enrichment
    ADD COLUMN github      jsonb,
    ADD COLUMN github_etag text NOT NULL DEFAULT '',
    ADD COLUMN github_at   timestamptz;
