SELECT w.stage,
       count(*) FILTER (WHERE w.stage_version > 0) AS done,
       count(*) FILTER (WHERE w.stage_version < v.version OR w.due_at <= now()) AS backlog
  FROM catalog_work w
  JOIN unnest($1::smallint[], $2::smallint[]) AS v (stage, version) ON v.stage = w.stage
 GROUP BY w.stage
