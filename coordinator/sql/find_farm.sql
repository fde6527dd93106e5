SELECT farm_id, authority_sha256, outgoing_sha256 FROM farm
