SELECT kind, version, host_arch, sha256 FROM toolset_archives WHERE toolset = $1::text
