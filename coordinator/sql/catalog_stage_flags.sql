SELECT stage, running FROM catalog_stages ORDER BY stage
