-- Of a clock that was set back while no coordinator ran.
UPDATE queue SET not_before = now() + $1::double precision * interval '1 second'
 WHERE not_before > now() + $1::double precision * interval '1 second'
