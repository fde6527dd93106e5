SELECT kind, size FROM artifacts WHERE sha256 = $1::text
