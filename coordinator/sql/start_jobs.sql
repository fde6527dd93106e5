UPDATE jobs SET state = 2 WHERE id = ANY ($1::bigint[]) AND state = 1
