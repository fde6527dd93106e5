// How a worker does. Failures that concern the worker, its module proxy or the farm, not the job, are counted across
// all jobs of the worker: some in a row make it suspect. A suspect worker is paused with backoff and gets one probing
// offer at a time, until an attempt of it comes to a verdict about a job. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/vocab/failure.h"

namespace gofarm::domain {

inline constexpr int kSuspectAfter = 3;                            // failures in a row
inline constexpr absl::Duration kProbeFirst = absl::Seconds(5);    // pause after the last of them
inline constexpr absl::Duration kProbeLongest = absl::Minutes(5);  // doubled with each failed probe, up to this
inline constexpr size_t kHealthDetailMax = 200;                    // bytes of the last failure's text

struct WorkerHealth {
  int in_a_row = 0;
  int pauses = 0;                              // since it is suspect
  FailureClass failure = FailureClass::kNone;  // of the last of them
  std::string detail;
  absl::Time paused_until = absl::InfinitePast();

  bool Suspect() const { return in_a_row >= kSuspectAfter; }
};

// One of its attempts ended.
void NoteEnd(WorkerHealth& health, AttemptOutcome outcome, FailureClass failure, std::string_view detail,
             absl::Time now);

// Of a suspect worker, for people: what failed and when it is tried again.
std::string WhySuspect(const WorkerHealth& health, absl::Time now);

}  // namespace gofarm::domain
