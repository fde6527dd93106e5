// Rebuilds: which jobs may be built again, the batches of such jobs, and what came of them. Results are recorded with
// the attempt's end (RecordPublishing of publish_store.h). Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/base/scope.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/domain/rebuild.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

class Txn;

inline constexpr int kRebuildPageMax = 1'000;

// Of a rebuild that ends in this transaction, after its executables and attachments.
void RecordRebuilt(Txn& txn, AttemptToken token, const domain::Rebuilt& rebuilt);

class RebuildStore {
 public:
  explicit RebuildStore(Pool& pool) : pool_(pool) {}

  // Jobs whose executables stand for their programs, by id after `after`.
  absl::StatusOr<std::vector<domain::RebuildCandidate>> Candidates(const Scope& scope,
                                                                   const domain::RebuildFilter& filter, JobId after,
                                                                   int limit);
  // The jobs that built what these publications are of, also what waits beside what is published. Ids that are none are
  // passed over.
  absl::StatusOr<std::vector<domain::RebuildCandidate>> CandidatesOf(const Scope& scope,
                                                                     const std::vector<domain::PublicationId>& ids);

  // One batch with a rebuild of each of `jobs`: one that is under way already, or a new one, which rather runs on
  // another worker than the one that built the job.
  absl::StatusOr<domain::RebuildOrder> Order(const Scope& scope, const std::vector<domain::RebuildCandidate>& jobs,
                                             const std::string& name, int priority);

  // What the job built of which the attempt's job is a rebuild; empty: it is none.
  absl::StatusOr<std::vector<domain::FirstBuild>> FirstBuildOf(const Scope& scope, AttemptToken rebuild);
  absl::StatusOr<domain::RebuildCounts> Counts(const Scope& scope);

 private:
  Pool& pool_;
};

}  // namespace gofarm::store
