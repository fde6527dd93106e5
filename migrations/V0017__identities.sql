-- Who belongs to the farm. farm_id and the authority's digest are written once, by the first coordinator that has an
-- authority: one with another must not sign for this farm.
CREATE TABLE farm (
    only_row         boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    farm_id          text NOT NULL CHECK (farm_id <> ''),
    authority_sha256 text NOT NULL CHECK (authority_sha256 ~ '^[0-9a-f]{64}$'),
    created_at       timestamptz NOT NULL DEFAULT now()
);

-- Roles as in common/vocab/peer.h. Of the secret only its SHA-256 is kept.
CREATE TABLE join_tokens (
    id            bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    secret_sha256 text NOT NULL UNIQUE CHECK (secret_sha256 ~ '^[0-9a-f]{64}$'),
    role          smallint NOT NULL CHECK (role BETWEEN 1 AND 4),
    name          text NOT NULL DEFAULT '',  -- of the identity that it makes; '': the joiner chooses
    created_by    text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    uses          integer NOT NULL CHECK (uses >= 1),
    used          integer NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND uses),
    revoked_at    timestamptz
);

CREATE TABLE identities (
    id           bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    role         smallint NOT NULL CHECK (role BETWEEN 1 AND 4),
    name         text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
    key_sha256   text NOT NULL UNIQUE CHECK (key_sha256 ~ '^[0-9a-f]{64}$'),
    token_id     bigint NOT NULL REFERENCES join_tokens (id),
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,  -- of its newest certificate
    last_seen_at timestamptz,
    revoked_at   timestamptz
);
CREATE UNIQUE INDEX identities_live_name ON identities (name) WHERE revoked_at IS NULL;
CREATE INDEX identities_name ON identities (name, id DESC);
CREATE INDEX identities_token ON identities (token_id);

-- What people did, who came in, and who was refused. Rows are only added.
CREATE TABLE audit (
    id     bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at     timestamptz NOT NULL DEFAULT now(),
    who    text NOT NULL,
    role   smallint NOT NULL CHECK (role BETWEEN 0 AND 4),
    origin text NOT NULL,  -- the address that it came from
    action text NOT NULL CHECK (action <> ''),
    detail text NOT NULL
);
CREATE INDEX audit_at ON audit (at);
