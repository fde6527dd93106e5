-- A session of its that is being opened waits for us (save_worker), or we for it.
SELECT name FROM workers WHERE name = $1::text FOR UPDATE
