// Makes the look-up files of common/publish/lookup.h. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "common/publish/lookup.h"

namespace gofarm::publish {

// One executable of one target.
struct ShardItem {
  std::string module, version, path, name;
  LookupTarget target;
};

// The document of a shard, the same whatever the order of `items`: modules, paths and hosts sorted, versions newest
// first. Of each module the newest kShardVersionsMax versions; where that is more than `bytes_max`, fewer of all.
std::string ShardJson(std::string_view shard, absl::Span<const ShardItem* const> items,
                      int64_t bytes_max = kShardBytesMax);

}  // namespace gofarm::publish
