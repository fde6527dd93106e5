-- Also a name that nobody has yet: two tokens make no two of one name.
SELECT pg_advisory_xact_lock(hashtextextended('identity ' || $1::text, 0))
