-- At once by the holder of the same id, whose former process is known to be dead, and once it was given back. By anybody
-- when the lease is over: by the database's clock ($4), or because it still stands as it did long ago ($5, $6).
UPDATE coordinator
   SET epoch = epoch + 1, holder = $1::text, holder_id = $2::text,
       lease_expires_at = now() + $3::double precision * interval '1 second'
 WHERE holder_id = $2::text OR lease_expires_at = '-infinity'
    OR ($4::boolean AND lease_expires_at <= now())
    OR (epoch = $5::bigint AND lease_expires_at::text = $6::text)
RETURNING epoch
