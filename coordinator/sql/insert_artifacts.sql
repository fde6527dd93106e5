INSERT INTO artifacts (sha256, size, kind, blake3)
SELECT DISTINCT ON (a.sha256) a.sha256, a.size, $4::text, nullif(a.blake3, '')
  FROM unnest($1::text[], $2::bigint[], $3::text[]) AS a (sha256, size, blake3)
 ORDER BY a.sha256
ON CONFLICT (sha256) DO UPDATE SET referenced = true WHERE NOT artifacts.referenced
