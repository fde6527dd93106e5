-- $4: how many are kept at most; a file of garbage must not fill the disk.
INSERT INTO catalog_rejects (digest, line, reason)
SELECT r.digest, r.line, r.reason
  FROM unnest($1::text[], $2::text[], $3::text[]) AS r (digest, line, reason)
 WHERE NOT EXISTS (SELECT FROM catalog_rejects k WHERE k.digest = r.digest)
 LIMIT greatest(0, $4::bigint - (SELECT count(*) FROM catalog_rejects))
