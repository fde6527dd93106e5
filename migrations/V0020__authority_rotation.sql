-- During a rotation the farm has two authorities: the new one signs for identities, the outgoing one for the server.
ALTER TABLE farm ADD COLUMN outgoing_sha256 text CHECK (outgoing_sha256 ~ '^[0-9a-f]{64}$');
ALTER TABLE farm ADD CONSTRAINT farm_authorities_differ CHECK (outgoing_sha256 <> authority_sha256);

-- Of its newest certificate; NULL only within the transaction that makes the identity.
ALTER TABLE identities ADD COLUMN authority_sha256 text CHECK (authority_sha256 ~ '^[0-9a-f]{64}$');
UPDATE identities SET authority_sha256 = (SELECT authority_sha256 FROM farm);
