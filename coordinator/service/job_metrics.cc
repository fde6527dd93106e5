#include "coordinator/service/job_metrics.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace gofarm::service {
namespace {

// From what farms were seen to do: a job that finds a free slot waits some milliseconds, one of a large batch hours.
const std::vector<double> kWaitBounds = {0.05, 0.2, 1, 5, 15, 60, 300, 900, 3600, 14'400, 43'200};
// A small program with everything at hand is built in about a second, the largest take twenty minutes.
const std::vector<double> kAttemptBounds = {0.5, 1, 2, 5, 10, 20, 40, 80, 160, 300, 600, 1200, 2400};
const std::vector<double> kPhaseBounds = {0.02, 0.1, 0.5, 1, 2, 5, 10, 20, 40, 80, 160, 300, 600, 1200};

constexpr std::array<AttemptOutcome, 6> kOutcomes = {AttemptOutcome::kBuilt,          AttemptOutcome::kPartial,
                                                     AttemptOutcome::kNothingToBuild, AttemptOutcome::kFailed,
                                                     AttemptOutcome::kCancelled,      AttemptOutcome::kLost};
constexpr std::array<JobState, 5> kEndStates = {JobState::kBuilt, JobState::kPartial, JobState::kNothingToBuild,
                                                JobState::kFailed, JobState::kCancelled};
constexpr std::array<Smoke, 3> kSmokeResults = {Smoke::kOk, Smoke::kCrashed, Smoke::kNotRun};
constexpr std::string_view kWorkerEndedIt = "worker_ended_it";
// Of an attempt that this process heard of first by its end: another coordinator had given it out.
constexpr char kNoTarget[] = "unknown";

std::string TargetLabel(std::optional<Target> target) {
  return target ? std::string(TargetName(*target)) : std::string(kNoTarget);
}

metrics::Counter& AttemptCounter(metrics::Registry& registry, AttemptOutcome outcome, std::optional<Target> target) {
  return registry.GetCounter("gofarm_attempts_ended_total", "Attempts that ended, by outcome and target.",
                             {{"outcome", std::string(Name(outcome))}, {"target", TargetLabel(target)}});
}

metrics::Counter& JobCounter(metrics::Registry& registry, JobState state, std::optional<Target> target) {
  return registry.GetCounter("gofarm_jobs_ended_total", "Jobs that came to their end, by state and target.",
                             {{"state", std::string(Name(state))}, {"target", TargetLabel(target)}});
}

}  // namespace

JobMetrics::JobMetrics(metrics::Registry& registry, const Clock& clock) : registry_(registry), clock_(clock) {
  for (const Target target : kAllTargets) {
    const metrics::Labels labels{{"target", std::string(TargetName(target))}};
    waits_[target] = &registry.GetHistogram(
        "gofarm_job_wait_seconds", "From the queue to the worker that took the job, by target.", kWaitBounds, labels);
    attempts_[target] =
        &registry.GetHistogram("gofarm_attempt_seconds", "From a worker's accept to the end of its attempt, by target.",
                               kAttemptBounds, labels);
    executables_[target] =
        &registry.GetCounter("gofarm_executables_total", "Executables that were built, by target.", labels);
    executable_bytes_[target] =
        &registry.GetCounter("gofarm_executable_bytes_total", "Size of those executables, by target.", labels);
    for (const AttemptOutcome outcome : kOutcomes) AttemptCounter(registry, outcome, target);
    for (const JobState state : kEndStates) JobCounter(registry, state, target);
  }
  // Of attempts that this process did not hear of before their end.
  for (const AttemptOutcome outcome : kOutcomes) AttemptCounter(registry, outcome, std::nullopt);
  for (const JobState state : kEndStates) JobCounter(registry, state, std::nullopt);
  for (int i = 1; i <= kPhases; ++i) {
    const auto phase = static_cast<Phase>(i);
    phases_[phase] = &registry.GetHistogram("gofarm_phase_seconds", "Time of attempts that ended in a phase.",
                                            kPhaseBounds, {{"phase", std::string(Name(phase))}});
  }
  const auto requeued = [&](std::string_view why) {
    requeued_[std::string(why)] =
        &registry.GetCounter("gofarm_jobs_requeued_total",
                             "Jobs that wait again after an attempt, by its failure; worker_ended_it: nobody asked for "
                             "its end, and it says nothing of the job.",
                             {{"why", std::string(why)}});
  };
  requeued(kWorkerEndedIt);
  for (int i = 1; i <= static_cast<int>(kLastFailureClass); ++i) {
    const auto failure = static_cast<FailureClass>(i);
    failures_[failure] = &registry.GetCounter("gofarm_attempt_failures_total",
                                              "Attempts that failed, in part or whole, by class of failure.",
                                              {{"class", std::string(Name(failure))}});
    requeued(Name(failure));
  }
  for (const Smoke result : kSmokeResults) {
    smoke_[result] = &registry.GetCounter("gofarm_smoke_runs_total",
                                          "Executables by what they did when they were started once (docs/smoke.md).",
                                          {{"result", std::string(Name(result))}});
  }
}

void JobMetrics::Track(AttemptToken token, Tracked tracked) {
  if (tracked_.size() >= kTrackedAttemptsMax && !tracked_.contains(token)) tracked_.erase(tracked_.begin());
  tracked_[token] = tracked;
}

void JobMetrics::Offered(AttemptToken token, const domain::QueuedJob& job) {
  const absl::MutexLock lock(&mutex_);
  Track(token, {.target = job.target, .started = std::nullopt});
}

void JobMetrics::Running(AttemptToken token, const domain::QueuedJob& job, absl::Time since) {
  bool was_offered = false;
  {
    const absl::MutexLock lock(&mutex_);
    const auto it = tracked_.find(token);
    was_offered = it != tracked_.end() && !it->second.started;
    if (it != tracked_.end() && it->second.started) return;  // a Hello repeats it
    Track(token, {.target = job.target, .started = since});
  }
  // Of one that another coordinator had accepted, that one counted the wait. The queue's times are the database's.
  if (!was_offered) return;
  waits_.at(job.target)->Observe(std::max(0.0, absl::ToDoubleSeconds(WallOf(since) - job.queued_at)));
}

std::optional<JobMetrics::Tracked> JobMetrics::Take(AttemptToken token) {
  const absl::MutexLock lock(&mutex_);
  const auto it = tracked_.find(token);
  if (it == tracked_.end()) return std::nullopt;
  const Tracked tracked = it->second;
  tracked_.erase(it);
  return tracked;
}

void JobMetrics::CountAttempt(AttemptOutcome outcome, FailureClass failure, std::optional<Target> target,
                              const std::optional<Tracked>& tracked) {
  AttemptCounter(registry_, outcome, target).Add();
  if (const auto it = failures_.find(failure); it != failures_.end()) it->second->Add();
  if (!tracked || !tracked->started) return;
  const absl::Duration took = std::max(absl::ZeroDuration(), clock_.Now() - *tracked->started);
  attempts_.at(tracked->target)->Observe(absl::ToDoubleSeconds(took));
}

void JobMetrics::CountJobs(JobState state, std::optional<Target> target, int64_t count) {
  JobCounter(registry_, state, target).Add(static_cast<double>(count));
}

void JobMetrics::CountLost(JobState job_state, std::optional<Target> target, const std::optional<Tracked>& tracked) {
  CountAttempt(AttemptOutcome::kLost, FailureClass::kWorkerLost, target, tracked);
  if (IsEnded(job_state)) return CountJobs(job_state, target, 1);
  requeued_.at(std::string(Name(FailureClass::kWorkerLost)))->Add();
}

void JobMetrics::Lost(AttemptToken token, JobState job_state) {
  const std::optional<Tracked> tracked = Take(token);
  if (!tracked) return;  // news that came after its end
  CountLost(job_state, tracked->target, tracked);
}

void JobMetrics::LostUnseen(const domain::LostAttempt& attempt) {
  // It is tracked when this process led before.
  const std::optional<Tracked> tracked = Take(attempt.token);
  std::optional<Target> target;
  if (tracked) {
    target = tracked->target;
  } else if (attempt.requeued) {
    target = attempt.requeued->target;
  }
  CountLost(attempt.job_state, target, tracked);
}

void JobMetrics::Cancelled(const std::vector<domain::JobRef>& jobs) {
  std::map<Target, int64_t> counts;
  for (const domain::JobRef& job : jobs) ++counts[job.target];
  for (const auto& [target, count] : counts) CountJobs(JobState::kCancelled, target, count);
}

void JobMetrics::CountResult(const domain::CompletedAttempt& attempt, std::optional<Target> target) {
  for (const PhaseTime& phase : attempt.phases) {
    if (const auto it = phases_.find(phase.phase); it != phases_.end()) it->second->Observe(phase.seconds);
  }
  for (const Executable& executable : attempt.executables) {
    smoke_.at(executable.smoke)->Add();
    if (!target) continue;
    executables_.at(*target)->Add();
    executable_bytes_.at(*target)->Add(static_cast<double>(executable.size));
  }
}

void JobMetrics::Ended(const domain::CompletedAttempt& attempt, const domain::CompleteResult& result) {
  const std::optional<Tracked> tracked = Take(attempt.token);
  // The answer to the first call may have been lost with its commit in doubt: what is tracked was not counted yet.
  if (result.repeated && !tracked) return;
  std::optional<Target> target;
  if (tracked) target = tracked->target;
  if (!target && result.requeued) target = result.requeued->target;
  CountAttempt(result.recorded, result.recorded_failure, target, tracked);
  CountResult(attempt, target);
  if (IsEnded(result.job_state)) return CountJobs(result.job_state, target, 1);
  // An attempt that was cancelled without being asked for it: its worker stops.
  const std::string_view why =
      result.recorded == AttemptOutcome::kCancelled ? kWorkerEndedIt : Name(result.recorded_failure);
  if (const auto it = requeued_.find(why); it != requeued_.end()) it->second->Add();
}

}  // namespace gofarm::service
