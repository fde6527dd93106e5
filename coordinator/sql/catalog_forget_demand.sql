DELETE FROM catalog_demand WHERE from_module = ANY ($1::integer[])
