UPDATE leases SET session_id = $2::bigint WHERE token = ANY ($1::bigint[])
