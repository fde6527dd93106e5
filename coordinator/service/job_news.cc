#include "coordinator/service/job_news.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"

namespace gofarm::service {

void JobNews::Publish(const std::vector<domain::JobRef>& jobs, JobState state) {
  for (size_t i = 0; i < std::min(jobs.size(), kNewsJobsMax); ++i) board_.Publish(jobs[i], state, "");
}

void JobNews::Queued(const std::vector<domain::JobRef>& jobs, JobId lowest) {
  Publish(jobs, JobState::kQueued);
  if (lowest) dispatch_.QueueChanged(lowest);
}

void JobNews::Cancelled(const std::vector<domain::JobRef>& jobs) {
  if (jobs.empty()) return;
  Publish(jobs, JobState::kCancelled);
  metrics_.Cancelled(jobs);
  dispatch::JobsRemoved removed;
  for (size_t i = 0; i < std::min(jobs.size(), kNewsJobsMax); ++i) removed.jobs.push_back(jobs[i].id);
  const bool taken = dispatch_.Post(std::move(removed)).ok();
  // A mirror that still holds one of them loses the claim, which is harmless.
  if (!taken || jobs.size() > kNewsJobsMax) dispatch_.QueueChanged(JobId{});
}

void JobNews::CancelRunning(const std::vector<domain::RunningRef>& running) {
  if (running.empty()) return;
  dispatch::CancelRequested event;
  for (const domain::RunningRef& r : running) {
    event.tokens.push_back(r.token);
  }
  (void)dispatch_.Post(std::move(event));  // always taken, see dispatch_loop.h
}

void JobNews::AttemptEnded(const domain::CompletedAttempt& attempt, const domain::CompleteResult& result) {
  fence_.Forget(attempt.token);
  std::vector<Phase> phases;
  for (const PhaseTime& p : attempt.phases) phases.push_back(p.phase);
  std::string detail(Name(result.recorded_failure));
  if (result.job_state == JobState::kQueued) {
    detail = attempt.outcome == AttemptOutcome::kCancelled ? "again: its worker ended it unasked"
                                                           : Cat("again after ", detail);
  }
  board_.Ended(attempt.token, phases, result.job_state, detail);
  // Before the dispatcher may tell of it: an attempt that is counted already is no lost one.
  metrics_.Ended(attempt, result);
  (void)dispatch_.Post(dispatch::AttemptEnded{.token = attempt.token,
                                              .job = attempt.job,
                                              .requeued = result.requeued,
                                              .outcome = result.recorded,
                                              .failure = result.recorded_failure,
                                              .detail = attempt.failure_detail});  // always taken
}

void JobNews::Offered(AttemptToken token, const domain::QueuedJob& job, const std::string& worker) {
  metrics_.Offered(token, job);
  board_.Offered(token, domain::RefOf(job), worker);
}

void JobNews::Running(AttemptToken token, const domain::QueuedJob& job, const std::string& worker, absl::Time since) {
  metrics_.Running(token, job, since);
  board_.Started(token, domain::RefOf(job), worker, since);
}

void JobNews::Lost(AttemptToken token, JobState job_state, const std::string& why) {
  fence_.Forget(token);
  metrics_.Lost(token, job_state);
  if (job_state == JobState::kQueued) {
    board_.Ended(token, {}, JobState::kQueued, why);
  } else {
    board_.Forget(token);
  }
}

void JobNews::LostUnseen(const domain::LostAttempt& attempt) {
  fence_.Forget(attempt.token);
  metrics_.LostUnseen(attempt);
}

}  // namespace gofarm::service
