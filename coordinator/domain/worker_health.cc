#include "coordinator/domain/worker_health.h"

#include <algorithm>

#include "common/base/text.h"
#include "coordinator/domain/retry_policy.h"

namespace gofarm::domain {
namespace {

enum class Says { kNothing, kWell, kIll };

Says WhatItSays(AttemptOutcome outcome, FailureClass failure) {
  switch (outcome) {
    case AttemptOutcome::kBuilt:
    case AttemptOutcome::kNothingToBuild:
      return Says::kWell;
    case AttemptOutcome::kPartial:
      return BlamesWorker(failure) ? Says::kIll : Says::kWell;
    case AttemptOutcome::kLost:
      return Says::kIll;
    case AttemptOutcome::kFailed:
      if (BlamesWorker(failure)) return Says::kIll;
      // Time and memory may be short by the job's fault or the worker's.
      return RuleOf(failure).retry == Retry::kNever ? Says::kWell : Says::kNothing;
    case AttemptOutcome::kCancelled:
    case AttemptOutcome::kRunning:
      break;
  }
  return Says::kNothing;
}

}  // namespace

void NoteEnd(WorkerHealth& health, AttemptOutcome outcome, FailureClass failure, std::string_view detail,
             absl::Time now) {
  switch (WhatItSays(outcome, failure)) {
    case Says::kNothing:
      return;
    case Says::kWell:
      health = WorkerHealth{};
      return;
    case Says::kIll:
      break;
  }
  ++health.in_a_row;
  health.failure = failure;
  health.detail = Clip(detail.substr(0, detail.find('\n')), kHealthDetailMax);
  // Several slots fail at once; what began before the pause says nothing that was not known at its begin.
  if (!health.Suspect() || now < health.paused_until) return;
  absl::Duration pause = kProbeFirst;
  for (int i = 0; i < health.pauses && pause < kProbeLongest; ++i) pause *= 2;
  health.paused_until = now + std::min(pause, kProbeLongest);
  ++health.pauses;
}

std::string WhySuspect(const WorkerHealth& health, absl::Time now) {
  std::string text = Cat("the last ", health.in_a_row,
                         " jobs failed there through no fault of theirs, the last one as ", Name(health.failure));
  if (!health.detail.empty()) text += Cat(" (", health.detail, ")");
  if (health.paused_until <= now) return text + "; it gets one job at a time until one comes to a result";
  const absl::Duration left = std::max(absl::Seconds(1), absl::Ceil(health.paused_until - now, absl::Seconds(1)));
  return Cat(text, "; it is tried again in ", absl::FormatDuration(left));
}

}  // namespace gofarm::domain
