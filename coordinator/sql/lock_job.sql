SELECT id, state, module, version, target, toolset, recipe_digest FROM jobs WHERE id = $1::bigint FOR UPDATE
