SELECT d.name, d.paused, d.reason,
       count(p.id) FILTER (WHERE p.state = 1) AS pending,
       count(p.id) FILTER (WHERE p.state = 2) AS failed,
       count(p.id) FILTER (WHERE p.state = 3) AS parked,
       count(p.id) FILTER (WHERE p.state = 4) AS published,
       count(p.id) FILTER (WHERE p.state = 5) AS withdrawn,
       coalesce(extract(epoch FROM now() - min(p.ordered_at) FILTER (WHERE p.state IN (1, 2))), 0)::double precision
         AS oldest_waiting
  FROM publish_destinations d
  LEFT JOIN publications p ON p.destination = d.name
 GROUP BY d.name, d.paused, d.reason
 ORDER BY d.name
