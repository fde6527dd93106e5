SELECT digest, content FROM toolsets WHERE name = $1::text
