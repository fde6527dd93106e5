-- What was parked because it differs takes the place of what stands for its program, with what is known of its own rebuilds.
UPDATE releases r
   SET token = p.token,
       reproduced = (SELECT count(*) FROM rebuilds b
                      WHERE b.of_token = p.token AND b.import_path = r.import_path AND b.reproduced),
       differed = (SELECT count(*) FROM rebuilds b
                    WHERE b.of_token = p.token AND b.import_path = r.import_path AND NOT b.reproduced),
       rebuild_token = (SELECT b.token FROM rebuilds b
                         WHERE b.of_token = p.token AND b.import_path = r.import_path
                         ORDER BY b.reproduced, b.token DESC LIMIT 1)
  FROM publications p
 WHERE p.id = ANY ($1::bigint[]) AND p.state = 3 AND p.failure_class = 'differs' AND p.release_id = r.id
   AND r.withdrawn_at IS NULL
RETURNING r.id
