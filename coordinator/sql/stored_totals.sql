-- What the farm keeps, for those who watch it: the size of its artifacts, and which of all toolsets this one was, by when
-- they were pinned.
SELECT (SELECT coalesce(sum(size), 0) FROM artifacts WHERE referenced)::bigint AS artifact_bytes,
       (SELECT count(*)
          FROM toolsets t
          JOIN toolsets mine ON mine.name = $1::text AND t.created_at <= mine.created_at) AS toolset
