SELECT id FROM sessions WHERE lease_expires_at <= now() ORDER BY id FOR UPDATE
