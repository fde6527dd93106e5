-- Higher than what was handed out before, and than what stands in the folder of this coordinator.
SELECT setval('index_generations', greatest(nextval('index_generations'), $1::bigint + 1))
