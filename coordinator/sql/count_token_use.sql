UPDATE join_tokens SET used = used + 1 WHERE id = $1::bigint AND used < uses
RETURNING id
