SELECT day, fingerprints FROM catalog_known_lines WHERE day = ANY ($1::integer[])
