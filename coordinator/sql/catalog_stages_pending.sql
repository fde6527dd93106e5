-- Whether a stage has anything to take up or to do that is due now.
SELECT v.stage,
       EXISTS (SELECT FROM catalog_work w WHERE w.stage = v.stage AND w.stage_version < v.version)
    OR EXISTS (SELECT FROM catalog_work w
                WHERE w.stage = v.stage AND w.stage_version = v.version AND w.due_at <= now()) AS due,
       CASE WHEN v.stage = 4 THEN EXISTS (SELECT FROM catalog_reach r WHERE r.revision > c.revision)
            ELSE EXISTS (SELECT FROM catalog_modules m WHERE m.revision > c.revision) END AS unread
  FROM unnest($1::smallint[], $2::smallint[]) AS v (stage, version)
  JOIN catalog_cursors c ON c.stage = v.stage
