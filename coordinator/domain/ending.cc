#include "coordinator/domain/ending.h"

#include <utility>

namespace gofarm::domain {
namespace {

JobEvent EventOf(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::kBuilt:
      return JobEvent::kBuilt;
    case AttemptOutcome::kPartial:
      return JobEvent::kPartial;
    case AttemptOutcome::kNothingToBuild:
      return JobEvent::kNothingToBuild;
    case AttemptOutcome::kCancelled:
      return JobEvent::kCancelled;
    case AttemptOutcome::kFailed:
    case AttemptOutcome::kLost:
    case AttemptOutcome::kRunning:
      break;
  }
  return JobEvent::kFailed;
}

// A partial result is final, unless what failed is the farm's own fault: then the rest may still come.
bool MayBeTriedAgain(const AttemptEnd& end) {
  switch (end.outcome) {
    case AttemptOutcome::kFailed:
    case AttemptOutcome::kLost:
      return true;
    case AttemptOutcome::kPartial:
      return RuleOf(end.failure).retry == Retry::kBounded;
    default:
      return false;
  }
}

}  // namespace

EndDecision DecideEnd(AttemptEnd end, bool cancel_wanted, bool counts, const TryCounts& before, double random) {
  if (end.outcome == AttemptOutcome::kCancelled && !cancel_wanted) {
    end = {.outcome = AttemptOutcome::kFailed,
           .failure = FailureClass::kInternal,
           .detail = "the worker ended this attempt as cancelled, but nobody had cancelled it"};
  }
  EndDecision decision{.end = std::move(end), .event = {}, .retry = {.counts = before}};
  decision.event = EventOf(decision.end.outcome);
  if (!MayBeTriedAgain(decision.end)) return decision;
  if (cancel_wanted) {
    decision.event = JobEvent::kCancelled;
  } else if (!counts) {
    decision.retry.again = true;
  } else {
    decision.retry = DecideRetry(decision.end.failure, before, random);
  }
  if (decision.retry.again) decision.event = JobEvent::kRequeued;
  return decision;
}

}  // namespace gofarm::domain
