SELECT revision, terms FROM catalog_cursors WHERE stage = $1::smallint
