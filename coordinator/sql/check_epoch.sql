-- Holds the row against a new leader until the transaction ends.
SELECT epoch FROM coordinator WHERE epoch = $1::bigint FOR SHARE
