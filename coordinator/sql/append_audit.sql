INSERT INTO audit (who, role, origin, action, detail) VALUES ($1::text, $2::smallint, $3::text, $4::text, $5::text)
