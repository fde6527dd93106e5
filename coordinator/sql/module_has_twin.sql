-- Whether something of another module was ever released whose path differs in upper case only.
SELECT EXISTS (SELECT FROM releases WHERE lower(module) = lower($1::text) AND module <> $1::text) AS twin
