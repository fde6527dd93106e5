-- What was due before the clock was set stays due: after a step back it lies ahead too.
UPDATE queue SET not_before = not_before + $1::double precision * interval '1 second'
 WHERE not_before > least(now(), now() - $1::double precision * interval '1 second')
