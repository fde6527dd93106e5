DELETE FROM leases WHERE token = $1::bigint AND job_id = $2::bigint
