UPDATE jobs SET state = 7, ended_at = now()
 WHERE id = ANY ($1::bigint[]) AND state = 1
RETURNING id, module, version, target
