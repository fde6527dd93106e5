-- The live one, else the one that was revoked last.
SELECT id, role, name, key_sha256, token_id, (extract(epoch FROM created_at) * 1000000)::bigint AS created_us,
       (extract(epoch FROM expires_at) * 1000000)::bigint AS expires_us,
       (extract(epoch FROM last_seen_at) * 1000000)::bigint AS seen_us,
       (extract(epoch FROM revoked_at) * 1000000)::bigint AS revoked_us
  FROM identities
 WHERE name = $1::text
 ORDER BY revoked_at DESC NULLS FIRST, id DESC
 LIMIT 1
