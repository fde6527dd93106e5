-- Only from where the page was asked for: a page that comes twice moves nothing.
UPDATE catalog_index_slices
   SET since = $3::text, seen = $4::text[], done = $5::boolean, moves = moves + 1
 WHERE slice = $1::smallint AND moves = $2::bigint
RETURNING moves
