-- Any constant that nobody else on this database uses: "gofarm" in ASCII.
SELECT pg_advisory_xact_lock(113697827610221)
