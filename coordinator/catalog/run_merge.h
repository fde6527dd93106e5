// Sorted runs put together: every path once, with every version once. Of a version that several runs have, one that is
// stored already stays as it is (the first time stays), else the earliest time counts.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "coordinator/catalog/run_store.h"

namespace gofarm::catalog {

class MergeSink {
 public:
  virtual ~MergeSink() = default;
  // `id`: the number that the path has in the store, 0: none yet.
  virtual absl::Status BeginPath(std::string_view path, int32_t id) = 0;
  virtual absl::Status Version(std::string_view version, int64_t micros, bool stored) = 0;
  virtual absl::Status EndPath() = 0;
};

// `runs`: paths and versions ascending in each. Memory: one window of each run.
absl::Status MergeRuns(absl::Span<RunReader* const> runs, MergeSink& sink);

}  // namespace gofarm::catalog
