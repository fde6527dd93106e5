SELECT job_id FROM leases WHERE session_id = ANY ($1::bigint[])
