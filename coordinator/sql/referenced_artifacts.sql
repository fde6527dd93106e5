SELECT sha256 FROM artifacts WHERE sha256 = ANY ($1::text[]) AND referenced
