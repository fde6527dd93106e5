SELECT (SELECT count(*) FROM releases r WHERE r.withdrawn_at IS NULL AND r.reproduced > 0 AND r.differed = 0) AS reproduced,
       (SELECT count(*) FROM releases r WHERE r.withdrawn_at IS NULL AND r.differed > 0) AS differing,
       (SELECT count(*) FROM jobs j WHERE j.rebuild_of IS NOT NULL AND j.state IN (1, 2)) AS rebuilding
