SELECT reason
  FROM withdrawals
 WHERE module = $1::text AND version IN ('', $2::text)
 ORDER BY version DESC
 LIMIT 1
