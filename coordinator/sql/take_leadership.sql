-- By anybody once the lease is over; at once by the holder of the same id, whose former process is known to be dead.
UPDATE coordinator
   SET epoch = epoch + 1, holder = $1::text, holder_id = $2::text,
       lease_expires_at = now() + $3::double precision * interval '1 second'
 WHERE lease_expires_at <= now() OR holder_id = $2::text
RETURNING epoch
