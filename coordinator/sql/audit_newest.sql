-- The newest rows, oldest of them first.
SELECT * FROM (
  SELECT id, (extract(epoch FROM at) * 1000000)::bigint AS at_us, who, role, origin, action, detail
    FROM audit
   WHERE at >= to_timestamp($1::double precision)
   ORDER BY id DESC
   LIMIT $2::bigint) AS newest
 ORDER BY id
