INSERT INTO toolsets (name, digest, content) VALUES ($1::text, $2::text, $3::text) ON CONFLICT (name) DO NOTHING
