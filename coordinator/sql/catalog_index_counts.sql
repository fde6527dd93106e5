SELECT modules, versions FROM catalog_index_state
