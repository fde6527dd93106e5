-- What this rebuild says of the releases whose executables it built again. A difference stays the last word.
UPDATE releases r
   SET reproduced = r.reproduced + b.reproduced::integer,
       differed = r.differed + (NOT b.reproduced)::integer,
       rebuild_token = CASE WHEN r.differed = 0 OR NOT b.reproduced THEN b.token ELSE r.rebuild_token END
  FROM rebuilds b
 WHERE b.token = $1::bigint AND r.token = b.of_token AND r.import_path = b.import_path
RETURNING r.id
