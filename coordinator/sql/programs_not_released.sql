-- Of these programs of the job those that got no release although nobody withdrew them: another one has their name.
SELECT n.import_path
  FROM jobs j
 CROSS JOIN unnest($2::text[]) AS n (import_path)
 WHERE j.id = $1::bigint
   AND NOT EXISTS (SELECT FROM releases r
                    WHERE r.module = j.module AND r.version = j.version AND r.target = j.target AND r.import_path = n.import_path)
   AND NOT EXISTS (SELECT FROM withdrawals w WHERE w.module = j.module AND w.version IN ('', j.version))
