-- Of what a batch was asked for: a request id that comes again with other content is refused. NULL: not known, of
-- batches from before.
ALTER TABLE batches ADD COLUMN content_sha256 sha256_hex;
