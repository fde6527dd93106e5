SELECT job_id FROM leases WHERE token = ANY ($1::bigint[])
