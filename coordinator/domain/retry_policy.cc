#include "coordinator/domain/retry_policy.h"

#include "common/base/backoff.h"
#include "common/base/check.h"

namespace gofarm::domain {
namespace {

constexpr RetryRule kSource = {Concern::kSource, Retry::kNever, true, false};
constexpr RetryRule kRecipe = {Concern::kRecipe, Retry::kNever, true, false};
constexpr RetryRule kLimit = {Concern::kRecipe, Retry::kOnceElsewhere, true, true};
constexpr RetryRule kProxy = {Concern::kProxy, Retry::kBounded, false, true};
constexpr RetryRule kWorker = {Concern::kWorker, Retry::kBounded, false, true};
constexpr RetryRule kFarm = {Concern::kFarm, Retry::kBounded, false, true};

// The first wait is short, because the usual cause is a worker that was restarted; the fifth is minutes, because by
// then a proxy or a disk needs somebody's hand.
const BackoffPolicy& InfraBackoff() {
  static const BackoffPolicy policy = {.first = absl::Seconds(2), .longest = kRetryWaitMax, .factor = 3.0};
  return policy;
}

}  // namespace

const RetryRule& RuleOf(FailureClass failure) {
  switch (failure) {
    case FailureClass::kSourceUnavailable:
    case FailureClass::kSourceInvalid:
    case FailureClass::kSourceIncomplete:
    case FailureClass::kGoTooOld:
    case FailureClass::kSystemLibraryMissing:
    case FailureClass::kTargetUnsupported:
    case FailureClass::kCompileError:
    case FailureClass::kCrashesAtStart:
      return kSource;
    case FailureClass::kLinkError:
    case FailureClass::kNotStaticPie:
    case FailureClass::kOutputLimit:
      return kRecipe;
    case FailureClass::kTimeout:
    case FailureClass::kSilence:
    case FailureClass::kOutOfMemory:
      return kLimit;
    case FailureClass::kProxyError:
      return kProxy;
    case FailureClass::kDiskFull:
    case FailureClass::kToolchainBroken:
    case FailureClass::kWorkerLost:
      return kWorker;
    case FailureClass::kInternal:
      return kFarm;
    case FailureClass::kNone:
      break;
  }
  GOFARM_CHECK(false && "a failure without a class");
  return kFarm;
}

RetryDecision DecideRetry(FailureClass failure, const TryCounts& before, const TryContext& context, double random) {
  const RetryRule& rule = RuleOf(failure);
  RetryDecision decision;
  decision.counts = before;
  decision.avoid_worker = rule.avoids_worker;
  switch (rule.retry) {
    case Retry::kNever:
      break;
    case Retry::kOnceElsewhere:
      ++decision.counts.worker_failures;
      decision.again = decision.counts.worker_failures <= kWorkerRetriesMax;
      break;
    case Retry::kBounded:
      if (!context.counts) {
        decision.again = true;
        break;
      }
      ++decision.counts.infra_failures;
      decision.again = decision.counts.infra_failures <=
                       (context.failed_on < 2 && context.others ? kInfraRetriesAlone : kInfraRetriesMax);
      if (decision.again) decision.wait = BackoffDelay(InfraBackoff(), decision.counts.infra_failures, random);
      break;
  }
  return decision;
}

bool BlamesWorker(FailureClass failure) {
  return failure != FailureClass::kNone && RuleOf(failure).retry == Retry::kBounded;
}

std::vector<FailureClass> BlamingFailures() {
  std::vector<FailureClass> blaming;
  for (int i = 1; i <= kFailureClasses; ++i) {
    if (BlamesWorker(static_cast<FailureClass>(i))) blaming.push_back(static_cast<FailureClass>(i));
  }
  return blaming;
}

bool Joins(JobState state, FailureClass failure) {
  switch (state) {
    case JobState::kQueued:
    case JobState::kRunning:
    case JobState::kBuilt:
    case JobState::kPartial:
    case JobState::kNothingToBuild:
      return true;
    case JobState::kFailed:
      return RuleOf(failure).joins;
    case JobState::kCancelled:
      return false;
  }
  return false;
}

std::vector<FailureClass> JoinedFailures() {
  std::vector<FailureClass> joined;
  for (int i = 1; i <= kFailureClasses; ++i) {
    if (RuleOf(static_cast<FailureClass>(i)).joins) joined.push_back(static_cast<FailureClass>(i));
  }
  return joined;
}

}  // namespace gofarm::domain
