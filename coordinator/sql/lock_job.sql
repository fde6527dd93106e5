SELECT id, state, recipe_digest FROM jobs WHERE id = $1::bigint FOR UPDATE
