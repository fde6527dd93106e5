// Which failure concerns whom, whether its job is tried again, and whether a new submission joins the result. Pure;
// this table is the only place that knows.
//
//   class                                          tried again                         a new submission
//   source_*, go_too_old, system_library_missing,
//   target_unsupported, compile_error, link_error,
//   not_static_pie, output_limit                   no                                  joins the result
//   timeout, silence, out_of_memory                once, on another worker if there is  joins the result
//   proxy_error, disk_full, toolchain_broken, worker_lost,
//   internal                                       at most 5 times, with backoff       makes a new generation
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "common/vocab/failure.h"

namespace gofarm::domain {

inline constexpr int kInfraRetriesMax = 5;
inline constexpr int kWorkerRetriesMax = 1;
inline constexpr int kFailureClasses = 17;

enum class Concern { kSource, kRecipe, kProxy, kWorker, kFarm };
enum class Retry { kNever, kOnceElsewhere, kBounded };

struct RetryRule {
  Concern concern = Concern::kFarm;
  Retry retry = Retry::kNever;
  bool joins = true;           // a later submission takes this result as its own
  bool avoids_worker = false;  // the next try goes to another worker if there is one
};
const RetryRule& RuleOf(FailureClass failure);

// What the database counts of a job.
struct TryCounts {
  int infra_failures = 0;
  int worker_failures = 0;
  bool operator==(const TryCounts&) const = default;
};

struct RetryDecision {
  bool again = false;
  absl::Duration wait;  // before the next offer
  bool avoid_worker = false;
  TryCounts counts;  // after this failure
};
// `random` in [0, 1).
RetryDecision DecideRetry(FailureClass failure, const TryCounts& before, double random);

// Whether a new submission of the same recipe joins a job in this state instead of making a new generation.
bool Joins(JobState state, FailureClass failure);
// The failure classes whose failed jobs are joined: for the query that finds them.
std::vector<FailureClass> JoinedFailures();

}  // namespace gofarm::domain
