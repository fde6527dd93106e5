-- Of the programs of this attempt for which another executable stands: whether it came out the same. What another recipe
-- makes differs as a matter of course.
UPDATE releases r
   SET reproduced = r.reproduced + (new.sha256 = old.sha256)::integer,
       differed = r.differed + (new.sha256 <> old.sha256 AND j.recipe_digest = o.recipe_digest)::integer
  FROM jobs j, executables new, executables old, jobs o
 WHERE j.id = $2::bigint AND new.token = $1::bigint AND new.import_path = ANY ($3::text[])
   AND r.module = j.module AND r.version = j.version AND r.target = j.target AND r.import_path = new.import_path
   AND r.token <> $1::bigint AND old.token = r.token AND old.import_path = r.import_path AND o.id = old.job_id
