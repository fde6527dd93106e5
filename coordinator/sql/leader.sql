SELECT epoch, holder, lease_expires_at::text AS lease,
       extract(epoch FROM greatest(lease_expires_at, now()) - now()) AS lease_left
  FROM coordinator
