#include "common/shapes/names.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "common/base/text.h"
#include "common/vocab/failure.h"
#include "common/vocab/failure_text.h"
#include "common/vocab/report.h"
#include "common/vocab/target.h"
#include "common/vocab/worker_report.h"
#include "common/vocab/worker_state.h"

namespace gofarm::shapes {
namespace {

constexpr std::string_view kUnknown = "unknown";

}  // namespace

// The enums of vocab have the numbers of the protocol's, and their names cover numbers that nobody knows.
std::string_view NameOf(v1::Target target) {
  if (target == v1::TARGET_UNSPECIFIED) return "";
  return v1::Target_IsValid(target) ? TargetName(static_cast<Target>(target)) : kUnknown;
}
std::string_view NameOf(v1::JobState state) { return Name(static_cast<JobState>(state)); }
std::string_view NameOf(v1::BatchState state) { return Name(static_cast<BatchState>(state)); }
std::string_view NameOf(v1::AttemptOutcome outcome) { return Name(static_cast<AttemptOutcome>(outcome)); }
std::string_view NameOf(v1::Phase phase) { return Name(static_cast<Phase>(phase)); }
std::string_view NameOf(v1::WaitReason reason) { return Name(static_cast<WaitReason>(reason)); }
std::string_view NameOf(v1::VariantOutcome outcome) { return Name(static_cast<VariantOutcome>(outcome)); }
std::string_view NameOf(v1::ReportPart part) { return Name(static_cast<ReportPart>(part)); }
std::string_view NameOf(v1::ReadinessState state) { return Name(static_cast<ReadinessState>(state)); }
std::string_view NameOf(v1::SmokeRun smoke) { return Name(static_cast<Smoke>(smoke)); }
std::string_view NameOf(v1::FailureClass failure) { return Name(static_cast<FailureClass>(failure)); }
std::string_view NameOf(v1::WorkerState state) {
  return state == v1::WORKER_STATE_UNSPECIFIED ? "" : Name(static_cast<WorkerState>(state));
}

std::string_view StepOf(const v1::JobEvent& event) {
  switch (event.step_case()) {
    case v1::JobEvent::kState:
      return NameOf(event.state());
    case v1::JobEvent::kPhase:
      return NameOf(event.phase());
    case v1::JobEvent::STEP_NOT_SET:
      break;
  }
  return kUnknown;
}

std::string FailureGist(v1::FailureClass failure, std::string_view detail) {
  if (failure == v1::FAILURE_CLASS_UNSPECIFIED) return "";
  const std::string_view line = Headline(detail);
  return line.empty() ? std::string(NameOf(failure)) : Cat(NameOf(failure), ": ", line);
}

absl::Time TimeOf(const v1::Timestamp& timestamp) {
  return timestamp.unix_micros() == 0 ? absl::InfinitePast() : absl::FromUnixMicros(timestamp.unix_micros());
}

v1::Phase CurrentPhase(const v1::Attempt& attempt) {
  if (attempt.outcome() == v1::ATTEMPT_OUTCOME_RUNNING && attempt.progress().phase() != v1::PHASE_UNSPECIFIED) {
    return attempt.progress().phase();
  }
  if (attempt.phase() != v1::PHASE_UNSPECIFIED || attempt.phases().empty()) return attempt.phase();
  return attempt.phases(attempt.phases_size() - 1).phase();
}

std::vector<std::pair<v1::Phase, double>> PhaseSeconds(const v1::Attempt& attempt) {
  std::map<int, double> seconds;
  for (const v1::PhaseTime& time : attempt.phases()) {
    if (time.phase() != v1::PHASE_UNSPECIFIED && v1::Phase_IsValid(time.phase()))
      seconds[time.phase()] += time.seconds();
  }
  std::vector<std::pair<v1::Phase, double>> out;
  for (const auto& [phase, sum] : seconds) out.emplace_back(static_cast<v1::Phase>(phase), sum);
  return out;
}

std::vector<const v1::Attempt*> ByToken(const v1::Job& job) {
  std::vector<const v1::Attempt*> attempts;
  for (const v1::Attempt& attempt : job.attempts()) attempts.push_back(&attempt);
  std::sort(attempts.begin(), attempts.end(),
            [](const v1::Attempt* a, const v1::Attempt* b) { return a->token() < b->token(); });
  return attempts;
}

int64_t Total(const v1::JobCounts& jobs) { return jobs.queued() + jobs.running() + Ended(jobs); }

int64_t Ended(const v1::JobCounts& jobs) {
  return jobs.built() + jobs.partial() + jobs.nothing_to_build() + jobs.failed() + jobs.cancelled();
}

double Milliseconds(double seconds) { return std::round(seconds * 1000) / 1000; }

}  // namespace gofarm::shapes
