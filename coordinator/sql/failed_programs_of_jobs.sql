SELECT j.id AS job_id, r.document -> 'failed_programs' AS failed_programs
  FROM jobs j
  JOIN reports r ON r.token = j.result_token
 WHERE j.id = ANY ($1::bigint[]) AND r.document ? 'failed_programs'
