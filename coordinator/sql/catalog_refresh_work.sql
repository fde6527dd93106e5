UPDATE catalog_work SET due_at = now(), failures = 0 WHERE module_id = $1::integer AND stage = ANY ($2::smallint[])
