// Which failure concerns whom, whether its job is tried again, and whether a new submission joins the result. Pure;
// this table is the only place that knows.
//
//   class                                          tried again                         a new submission
//   source_*, go_too_old, system_library_missing,
//   target_unsupported, compile_error, link_error,
//   not_static_pie, crashes_at_start, output_limit no                                  joins the result
//   timeout, silence, out_of_memory                once, on another worker if there is  joins the result
//   proxy_error, disk_full, toolchain_broken, worker_lost,
//   internal                                       at most 5 times, with backoff, on   makes a new generation
//                                                  another worker if there is one
//
// The last kind says nothing of the job until distinct workers failed it: a failure on a worker that fails everything
// is not counted while another could build it (TryContext), and a job ends for one only after two workers failed it, or
// the only one did.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "common/vocab/failure.h"

namespace gofarm::domain {

inline constexpr int kInfraRetriesMax = 5;
inline constexpr int kInfraRetriesAlone = 10;  // while one worker alone failed it and another could build it
inline constexpr int kWorkerRetriesMax = 1;
inline constexpr absl::Duration kRetryWaitMax = absl::Minutes(5);
inline constexpr int kFailureClasses = static_cast<int>(kLastFailureClass);

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

// What is known about the attempt's worker and the others when it ends.
struct TryContext {
  bool counts = true;   // among the job's tries
  bool others = false;  // another worker, not known to fail everything, could build it
  int failed_on = 1;    // distinct workers that failed it in ways that blame workers, this one included
};

struct RetryDecision {
  bool again = false;
  absl::Duration wait;  // before the next offer
  bool avoid_worker = false;
  TryCounts counts;  // after this failure
};
// `random` in [0, 1).
RetryDecision DecideRetry(FailureClass failure, const TryCounts& before, const TryContext& context, double random);

// Whether the class says something of the worker, its proxy or the farm rather than of the job.
bool BlamesWorker(FailureClass failure);
std::vector<FailureClass> BlamingFailures();

// Whether a new submission of the same recipe joins a job in this state instead of making a new generation.
bool Joins(JobState state, FailureClass failure);
// The failure classes whose failed jobs are joined: for the query that finds them.
std::vector<FailureClass> JoinedFailures();

}  // namespace gofarm::domain
