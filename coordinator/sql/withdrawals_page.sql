SELECT module, version, reason FROM withdrawals ORDER BY module, version LIMIT $1::integer
