-- Webhooks: who is told of batches, and the one message that tells of each.

-- A destination is named by the SHA-256 of its kind and URL: the URL is a secret.
CREATE TABLE webhooks (
    destination sha256_hex PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('discord', 'json')),
    first_batch bigint NOT NULL,  -- batches up to this one were there before it, and it is not told of them
    up_to_batch bigint NOT NULL,  -- the highest one that it is told of
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- What a destination was told of a batch last. A row changes only from the sequence that it was read with.
CREATE TABLE webhook_messages (
    destination sha256_hex NOT NULL REFERENCES webhooks (destination),
    batch_id    bigint NOT NULL REFERENCES batches (id),
    message_id  text NOT NULL DEFAULT '' CHECK (message_id ~ '^[0-9]{0,20}$'),  -- '': there is none to edit
    sequence    integer NOT NULL DEFAULT 0 CHECK (sequence >= 0),               -- how often it was told
    said        text NOT NULL DEFAULT '',                                       -- the batch's counts, as it was told
    ended       boolean NOT NULL DEFAULT false,                                 -- it was told of the batch's end
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (batch_id, destination)
) WITH (fillfactor = 70);
CREATE INDEX webhook_messages_open ON webhook_messages (destination, batch_id) WHERE NOT ended;
