INSERT INTO toolset_archives (toolset, kind, version, host_arch, sha256)
VALUES ($1::text, $2::text, $3::text, $4::text, $5::text)
ON CONFLICT (toolset, kind, version, host_arch) DO NOTHING
