// What a batch feed reads of the store.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/domain/queries.h"
#include "coordinator/domain/types.h"

namespace gofarm::service {

// Takes one page; false ends the listing.
template <typename Row>
using Pages = std::function<bool(std::vector<Row> page)>;

class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual absl::StatusOr<domain::Batch> GetBatch(const Scope& scope, BatchId id) = 0;
  // In id order; limit 0: all. NOT_FOUND: the filter names an unknown batch.
  virtual absl::Status ListJobs(const Scope& scope, const domain::JobFilter& filter, int64_t limit,
                                const Pages<domain::Job>& pages) = 0;
  // Ids alone of all jobs of a batch, in order: of a huge one they come twenty times as fast.
  virtual absl::Status ListJobIds(const Scope& scope, BatchId batch, const Pages<JobId>& pages) = 0;
};

}  // namespace gofarm::service
