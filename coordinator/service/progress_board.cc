#include "coordinator/service/progress_board.h"

#include <algorithm>
#include <utility>

namespace gofarm::service {

void ProgressBoard::Push(const domain::JobRef& job, AttemptToken token, Step step, std::string_view detail) {
  events_.Push({++newest_, job, token, step, std::string(detail)});
}

void ProgressBoard::Run(Live& live) {
  if (live.runs) return;
  live.runs = true;
  offered_.erase(live.now.token);
  Push(live.now.job, live.now.token, JobState::kRunning, live.now.worker);
  // Reports that overtook the store's answer to the Accept.
  PublishPhases(live, live.now.progress.phases);
}

void ProgressBoard::PublishPhases(Live& live, const std::vector<Phase>& phases) {
  for (const Phase phase : phases) {
    if (!live.published.insert(phase).second) continue;
    Push(live.now.job, live.now.token, phase, phase == live.now.progress.phase ? live.now.progress.detail : "");
  }
}

void ProgressBoard::Notify() {
  absl::MutexLock lock(&listeners_mutex_);
  for (const auto& [id, changed] : listeners_) changed();
}

bool ProgressBoard::IsOver(AttemptToken token, JobId job) const {
  const auto newest = by_job_.find(job);
  return ended_.count(token) != 0 || (newest != by_job_.end() && newest->second > token);
}

ProgressBoard::Live& ProgressBoard::Take(AttemptToken token, const domain::JobRef& job, std::string_view worker) {
  AttemptToken& newest = by_job_[job.id];
  if (newest != token) {
    live_.erase(newest);
    offered_.erase(newest);
    newest = token;
  }
  Live& live = live_[token];
  live.now.token = token;
  live.now.job = job;
  live.now.worker = std::string(worker);
  return live;
}

void ProgressBoard::Remove(AttemptToken token) {
  ended_.insert(token);
  if (ended_.size() > kBoardEndedMax) ended_.erase(ended_.begin());
  const auto it = live_.find(token);
  if (it == live_.end()) return;
  if (const auto job = by_job_.find(it->second.now.job.id); job != by_job_.end() && job->second == token) {
    by_job_.erase(job);
  }
  offered_.erase(token);
  live_.erase(it);
}

void ProgressBoard::Offered(AttemptToken token, const domain::JobRef& job, std::string_view worker) {
  absl::MutexLock lock(&mutex_);
  if (live_.count(token) != 0 || IsOver(token, job.id)) return;
  Take(token, job, worker);
  offered_.insert(token);
  if (offered_.size() <= kBoardOffersMax) return;
  const auto oldest = live_.find(*offered_.begin());
  by_job_.erase(oldest->second.now.job.id);
  live_.erase(oldest);
  offered_.erase(offered_.begin());
}

void ProgressBoard::Started(AttemptToken token, const domain::JobRef& job, std::string_view worker, absl::Time since) {
  {
    absl::MutexLock lock(&mutex_);
    if (IsOver(token, job.id)) return;
    Live& live = Take(token, job, worker);
    if (live.runs) return;
    live.now.started_at = since;
    Run(live);
  }
  Notify();
}

bool ProgressBoard::Report(AttemptToken token, std::string_view worker, Progress progress) {
  {
    absl::MutexLock lock(&mutex_);
    const auto it = live_.find(token);
    if (it == live_.end()) return true;
    Live& live = it->second;
    if (live.now.worker != worker) return false;
    live.now.progress = std::move(progress);
    if (live.runs) PublishPhases(live, live.now.progress.phases);
  }
  Notify();
  return true;
}

void ProgressBoard::Ended(AttemptToken token, const std::vector<Phase>& phases, JobState state,
                          std::string_view detail) {
  {
    absl::MutexLock lock(&mutex_);
    const auto it = live_.find(token);
    if (it == live_.end()) {
      Remove(token);
      return;
    }
    Live& live = it->second;
    Run(live);  // the store ends only what ran
    live.now.progress.phase = Phase::kNone;
    PublishPhases(live, phases);
    Push(live.now.job, token, state, detail);
    Remove(token);
  }
  Notify();
}

void ProgressBoard::Forget(AttemptToken token) {
  {
    absl::MutexLock lock(&mutex_);
    Remove(token);
  }
  Notify();
}

void ProgressBoard::Publish(const domain::JobRef& job, JobState state, std::string_view detail) {
  {
    absl::MutexLock lock(&mutex_);
    if (const auto offer = by_job_.find(job.id); offer != by_job_.end() && offered_.count(offer->second) != 0) {
      Remove(offer->second);
    }
    Push(job, AttemptToken{}, state, detail);
  }
  Notify();
}

std::optional<Progress> ProgressBoard::Of(AttemptToken token) const {
  absl::MutexLock lock(&mutex_);
  const auto it = live_.find(token);
  if (it == live_.end()) return std::nullopt;
  return it->second.now.progress;
}

std::vector<domain::RunningJob> ProgressBoard::Running(
    size_t limit, const std::function<bool(const domain::RunningJob&)>& wanted) const {
  std::vector<domain::RunningJob> out;
  absl::MutexLock lock(&mutex_);
  for (const auto& [token, live] : live_) {
    if (out.size() >= limit) break;
    if (live.runs && wanted(live.now)) out.push_back(live.now);
  }
  return out;
}

size_t ProgressBoard::EventBytes() const {
  absl::MutexLock lock(&mutex_);
  return events_.bytes();
}

int64_t ProgressBoard::Newest() const {
  absl::MutexLock lock(&mutex_);
  return newest_;
}

std::vector<domain::JobEvent> ProgressBoard::Since(int64_t sequence, size_t limit) const {
  absl::MutexLock lock(&mutex_);
  // Sequence numbers in the ring have no gaps.
  const int64_t oldest = newest_ - static_cast<int64_t>(events_.size());
  const size_t skip =
      static_cast<size_t>(std::clamp<int64_t>(sequence - oldest, 0, static_cast<int64_t>(events_.size())));
  const size_t n = std::min(limit, events_.size() - skip);
  const auto first = events_.events().begin() + static_cast<std::ptrdiff_t>(skip);
  return {first, first + static_cast<std::ptrdiff_t>(n)};
}

int64_t ProgressBoard::Listen(std::function<void()> changed) {
  absl::MutexLock lock(&listeners_mutex_);
  listeners_[next_listener_] = std::move(changed);
  return next_listener_++;
}

void ProgressBoard::Unlisten(int64_t id) {
  absl::MutexLock lock(&listeners_mutex_);
  listeners_.erase(id);
}

}  // namespace gofarm::service
