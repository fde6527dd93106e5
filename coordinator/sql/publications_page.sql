SELECT id, destination, state, withdraw, change, tries, (extract(epoch FROM next_try_at) * 1000000)::bigint AS next_try_us,
       failure_class, detail, digest, release_id, module, version, import_path, target, facts, reproduced, differed,
       token, job_id, size, sha256, blake3, go_version, (extract(epoch FROM built_at) * 1000000)::bigint AS built_us,
       rebuild_token, rebuild_detail, (extract(epoch FROM rebuilt_at) * 1000000)::bigint AS rebuilt_us,
       retracted
  FROM publication_rows
 WHERE id > $1::bigint AND ($2::text = '' OR destination = $2::text) AND ($3::text = '' OR module = $3::text)
   AND (cardinality($4::smallint[]) = 0 OR state = ANY ($4::smallint[]))
 ORDER BY id
 LIMIT $5::integer
