// Orders rebuilds: for people, and by itself for a share of all recipes, where another worker than the first one can do
// it. Whether it can is looked at when the rebuild is ordered: a worker that leaves later keeps none from being made.
//
// Thread-safe. One thread of its own, on the coordinator that leads, where there is a share.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/base/scope.h"
#include "common/vocab/target.h"
#include "common/vocab/toolset.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/domain/rebuild.h"
#include "coordinator/domain/recipe.h"

namespace gofarm::publish {

inline constexpr absl::Duration kSampleEvery = absl::Seconds(30);
// The whole farm is looked through again: jobs end in another order than that of their ids, and workers come.
inline constexpr absl::Duration kSampleAgain = absl::Minutes(10);
inline constexpr absl::Duration kSampleCallMax = absl::Minutes(2);
inline constexpr size_t kSampledAtOnce = 100;           // in one round
inline constexpr int kSampledPriority = -100;           // behind what people wait for
inline constexpr size_t kRebuildsOrderedMax = 100'000;  // by one order of a person

// By the database.
class RebuildOrders {
 public:
  virtual ~RebuildOrders() = default;
  virtual absl::StatusOr<std::vector<domain::RebuildCandidate>> Candidates(const Scope& scope,
                                                                           const domain::RebuildFilter& filter,
                                                                           JobId after, int limit) = 0;
  virtual absl::StatusOr<std::vector<domain::RebuildCandidate>> CandidatesOf(
      const Scope& scope, const std::vector<domain::PublicationId>& ids) = 0;
  virtual absl::StatusOr<domain::RebuildOrder> Order(const Scope& scope,
                                                     const std::vector<domain::RebuildCandidate>& jobs,
                                                     const std::string& name, int priority) = 0;
};

struct RebuilderParts {
  RebuildOrders& orders;
  double share = 0;
  std::vector<Toolset> toolsets;
  domain::RecipePolicy policy;
  // Whether another worker than this one takes jobs for the target now.
  std::function<bool(Target, std::string_view worker)> elsewhere;
  std::function<void(const std::vector<domain::JobRef>&)> queued;  // tells of new jobs
};

struct RebuildsOrdered {
  BatchId batch;  // 0: nothing was ordered
  int64_t ordered = 0, running = 0;
  int64_t left_out = 0;  // that cannot be built the same way any more
  std::string why;       // of one that was left out
};

class Rebuilder {
 public:
  explicit Rebuilder(RebuilderParts parts) : parts_(std::move(parts)) {}
  ~Rebuilder() { Stop(); }

  void Start();
  void Stop();

  // RESOURCE_EXHAUSTED: more than kRebuildsOrderedMax. NOT_FOUND: nothing of that is published.
  absl::StatusOr<RebuildsOrdered> Order(const Scope& scope, const domain::RebuildFilter& filter);
  absl::StatusOr<RebuildsOrdered> Order(const Scope& scope, const std::vector<domain::PublicationId>& ids);

  // One round without a thread, from `after` on: orders what is sampled. Where the next one goes on; 0: all was seen.
  absl::StatusOr<JobId> Sample(const Scope& scope, JobId after);

 private:
  void Run(const std::stop_token& stop);
  absl::StatusOr<RebuildsOrdered> OrderThese(const Scope& scope, std::vector<domain::RebuildCandidate> jobs,
                                             const std::string& name, int priority);

  const RebuilderParts parts_;
  std::jthread thread_;
};

}  // namespace gofarm::publish
