SELECT digest FROM toolsets WHERE name = $1::text
