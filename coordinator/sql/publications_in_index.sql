-- What the index shows, or is to show: by id, a page at a time.
SELECT id, destination, state, withdraw, change, tries, (extract(epoch FROM next_try_at) * 1000000)::bigint AS next_try_us,
       failure_class, detail, digest, release_id, module, version, import_path, target, facts, reproduced, differed,
       token, job_id, size, sha256, blake3, go_version, (extract(epoch FROM built_at) * 1000000)::bigint AS built_us,
       rebuild_token, rebuild_detail, (extract(epoch FROM rebuilt_at) * 1000000)::bigint AS rebuilt_us,
       retracted
  FROM publication_rows
 WHERE destination = 'index' AND id > $1::bigint AND state IN (1, 2, 4) AND NOT withdraw
 ORDER BY id
 LIMIT $2::integer
