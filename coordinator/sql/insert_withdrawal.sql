INSERT INTO withdrawals (module, version, reason, who)
VALUES ($1::text, $2::text, $3::text, $4::text)
    ON CONFLICT (module, version) DO UPDATE SET reason = EXCLUDED.reason, who = EXCLUDED.who, at = now()
