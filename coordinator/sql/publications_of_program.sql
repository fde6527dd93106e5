SELECT id, destination, state, withdraw, change, tries, (extract(epoch FROM next_try_at) * 1000000)::bigint AS next_try_us,
       failure_class, detail, digest, release_id, module, version, import_path, target, facts, reproduced, differed,
       token, job_id, size, sha256, blake3, go_version, (extract(epoch FROM built_at) * 1000000)::bigint AS built_us,
       rebuild_token, rebuild_detail, (extract(epoch FROM rebuilt_at) * 1000000)::bigint AS rebuilt_us,
       retracted
  FROM publication_rows
 WHERE destination = $1::text AND module = $2::text AND import_path = $3::text
   AND ($4::text = '' OR version = $4::text)
 ORDER BY id DESC
 LIMIT $5::integer
