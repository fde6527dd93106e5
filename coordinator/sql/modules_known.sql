-- Which of these modules something was ever released of, with how many versions were taken back.
SELECT module, count(*) FILTER (WHERE withdrawn_at IS NULL) AS live
  FROM releases
 WHERE module = ANY ($1::text[])
 GROUP BY module
