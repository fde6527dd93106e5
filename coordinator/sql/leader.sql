SELECT epoch, holder, extract(epoch FROM lease_expires_at - now()) AS lease_left FROM coordinator
