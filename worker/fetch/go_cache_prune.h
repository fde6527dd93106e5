// Keeps the shared Go caches within their budget. Builds write to them, so every step goes by descriptor and follows no
// link. Thread-safe: no state; builds and merges may write meanwhile.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/scope.h"

namespace gofarm::fetch {

struct GoCachePruned {
  int64_t bytes = 0;
  int64_t entries = 0;
  int64_t foreign = 0;
};

// Below `root` stand Go caches, each in a folder of its own. Foreign files (what no go puts there) that were last
// changed before `since` go always; then entries that were used before `since`, longest ago first, until all takes no
// more than `budget`. README, trim.txt, testexpire.txt, the fuzz folder and our own marks (kSeededMark) stay and do not
// count.
absl::Status PruneGoCacheFolders(const Scope& scope, const std::string& root, int64_t budget, absl::Time since,
                                 GoCachePruned& done);

}  // namespace gofarm::fetch
