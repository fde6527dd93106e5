#include "coordinator/domain/ending.h"

#include <utility>

namespace gofarm::domain {
namespace {

JobTransition TransitionOf(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::kBuilt:
      return JobTransition::kBuilt;
    case AttemptOutcome::kPartial:
      return JobTransition::kPartial;
    case AttemptOutcome::kNothingToBuild:
      return JobTransition::kNothingToBuild;
    case AttemptOutcome::kCancelled:
      return JobTransition::kCancelled;
    case AttemptOutcome::kFailed:
    case AttemptOutcome::kLost:
    case AttemptOutcome::kRunning:
      break;
  }
  return JobTransition::kFailed;
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

EndDecision DecideEnd(AttemptEnd end, bool cancel_requested, const TryContext& context, const TryCounts& before,
                      double random) {
  if (end.outcome == AttemptOutcome::kCancelled && !cancel_requested) {
    end = {.outcome = AttemptOutcome::kFailed,
           .failure = FailureClass::kInternal,
           .detail = "the worker ended this attempt as cancelled, but nobody had cancelled it"};
  }
  EndDecision decision{.end = std::move(end), .transition = {}, .retry = {.counts = before}};
  decision.transition = TransitionOf(decision.end.outcome);
  if (!MayBeTriedAgain(decision.end)) return decision;
  if (cancel_requested) {
    decision.transition = JobTransition::kCancelled;
  } else if (!context.counts && decision.end.outcome == AttemptOutcome::kLost) {
    decision.retry.again = true;
  } else {
    decision.retry = DecideRetry(decision.end.failure, before, context, random);
  }
  if (decision.retry.again) decision.transition = JobTransition::kRequeued;
  return decision;
}

CompleteResult AnswerToPast(const std::optional<AnsweredAttempt>& answered, bool offered, JobState job_state) {
  if (answered) {
    return {.outcome = CompleteOutcome::kEnded,
            .job_state = answered->job_state,
            .requeued = {},
            .repeated = true,
            .recorded = answered->outcome,
            .recorded_failure = answered->failure};
  }
  return {.outcome = offered ? CompleteOutcome::kNotAccepted : CompleteOutcome::kStale, .job_state = job_state};
}

CompleteResult AnswerToEnd(const EndDecision& decided, JobState job_state, std::optional<QueuedJob> requeued) {
  return {.outcome = CompleteOutcome::kEnded,
          .job_state = job_state,
          .requeued = std::move(requeued),
          .repeated = false,
          .recorded = decided.end.outcome,
          .recorded_failure = decided.end.failure};
}

}  // namespace gofarm::domain
