SELECT state, count(*) AS jobs FROM jobs WHERE id > $1::bigint GROUP BY state
