#include "coordinator/service/batch_steps.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/base/text.h"

namespace gofarm::service {
namespace {

uint8_t BitOf(Phase phase) { return static_cast<uint8_t>(1U << static_cast<int>(phase)); }

// Why the job of an attempt that ended waits again.
std::string WhyAgain(const domain::Attempt& attempt) {
  if (attempt.outcome == AttemptOutcome::kLost) return Cat("worker ", attempt.worker, " lost it");
  return Cat("again after ", Name(attempt.failure_class));
}

}  // namespace

void BatchSteps::SetJobs(const std::vector<JobId>& jobs) {
  const absl::flat_hash_set<JobId> here(jobs.begin(), jobs.end());
  absl::erase_if(jobs_, [&](const auto& job) { return !here.contains(job.first); });
  for (auto it = kept_.begin(); it != kept_.end();) it = here.contains(it->first) ? std::next(it) : kept_.erase(it);
  for (const JobId job : jobs) jobs_.try_emplace(job);
  ended_ = 0;
  for (const auto& [job, known] : jobs_) ended_ += IsEnded(known.state) ? 1 : 0;
}

bool BatchSteps::Advance(Known& known, const domain::JobEvent& event) {
  if (IsEnded(known.state)) return false;
  if (event.token && event.token < known.attempt) return false;
  const bool newer = event.token > known.attempt;
  const bool over = !newer && known.attempt && known.state == JobState::kQueued;  // it waits again
  if (const auto* phase = std::get_if<Phase>(&event.step)) {
    if (over || (!newer && (known.phases & BitOf(*phase)) != 0)) return false;
    if (newer) known = {.attempt = event.token, .phases = 0, .queued = true, .state = JobState::kRunning};
    known.phases |= BitOf(*phase);
    return true;
  }
  const JobState state = std::get<JobState>(event.step);
  if (IsEnded(state)) {
    known.state = state;
    ++ended_;
    return true;
  }
  if (!event.token) {  // queued for the first time
    if (known.queued || known.attempt) return false;
    known.queued = true;
    return true;
  }
  if (over || (!newer && state == known.state)) return false;
  if (newer) known = {.attempt = event.token, .phases = 0, .queued = true, .state = state};
  known.state = state;
  return true;
}

void BatchSteps::Keep(const domain::JobEvent& event) {
  auto it = kept_.find(event.job.id);
  if (it == kept_.end()) {
    if (kept_.size() >= kBackfillJobsMax) return;
    it = kept_.emplace(event.job.id, Kept{event.job, {}}).first;
  }
  std::vector<Step>& steps = it->second.steps;
  if (event.token && !steps.empty() && steps.back().token < event.token) {
    // An attempt begins: those before it are over.
    std::erase_if(steps, [](const Step& step) { return static_cast<bool>(step.token); });
  }
  steps.push_back({event.token, event.step, event.detail});
}

bool BatchSteps::Take(const domain::JobEvent& event) {
  const auto it = jobs_.find(event.job.id);
  if (it == jobs_.end() || !Advance(it->second, event)) return false;
  // The steps of a job are kept from its first one on, or not at all.
  if (event.step == std::variant<JobState, Phase>(JobState::kQueued) || kept_.contains(event.job.id)) Keep(event);
  return true;
}

std::vector<domain::JobEvent> BatchSteps::Backfill(const domain::Job& job, const std::optional<Progress>& live) {
  std::vector<domain::JobEvent> events;
  const auto it = jobs_.find(job.id);
  if (it == jobs_.end()) return events;
  const auto add = [&](AttemptToken token, std::variant<JobState, Phase> step, std::string detail) {
    domain::JobEvent event{.job = {job.id, job.module, job.version, job.target},
                           .token = token,
                           .step = step,
                           .detail = std::move(detail)};
    if (!Advance(it->second, event)) return;
    Keep(event);
    events.push_back(std::move(event));
  };
  add(AttemptToken{}, JobState::kQueued, "");
  AttemptToken last;
  if (!job.attempts.empty()) {
    const domain::Attempt& attempt = job.attempts.back();
    last = attempt.token;
    add(last, JobState::kRunning, attempt.worker);
    for (const PhaseTime& time : attempt.report.phases) {
      if (time.phase != Phase::kNone) add(last, time.phase, "");
    }
    if (live) {
      for (const Phase phase : live->phases) add(last, phase, phase == live->phase ? live->detail : "");
    }
    if (job.state == JobState::kQueued && attempt.outcome != AttemptOutcome::kRunning) {
      add(last, JobState::kQueued, WhyAgain(attempt));
    }
  }
  if (IsEnded(job.state)) add(last, job.state, std::string(Name(job.failure_class)));
  return events;
}

std::vector<domain::JobEvent> BatchSteps::Snapshot() const {
  std::vector<domain::JobEvent> events;
  for (const auto& [id, kept] : kept_) {
    for (const Step& step : kept.steps) {
      events.push_back({.job = kept.job, .token = step.token, .step = step.step, .detail = step.detail});
    }
  }
  return events;
}

}  // namespace gofarm::service
