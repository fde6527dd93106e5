SELECT job_id FROM leases WHERE token = $1::bigint
