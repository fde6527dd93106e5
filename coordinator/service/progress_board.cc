#include "coordinator/service/progress_board.h"

#include <algorithm>
#include <utility>

namespace gofarm::service {

void ProgressBoard::Push(const BoardJob& job, std::string_view what, std::string_view detail) {
  if (events_.size() >= kBoardEventsMax) events_.pop_front();
  events_.push_back(BoardEvent{++newest_, job, std::string(what), std::string(detail)});
}

void ProgressBoard::TellPhase(Live& live, Phase phase, std::string_view detail) {
  if (phase <= live.phase_told) return;
  live.phase_told = phase;
  Push(live.job, Name(phase), detail);
}

void ProgressBoard::Notify() {
  absl::MutexLock lock(&listeners_mutex_);
  for (const auto& [id, changed] : listeners_) changed();
}

void ProgressBoard::Started(AttemptToken token, const BoardJob& job, std::string_view worker) {
  {
    absl::MutexLock lock(&mutex_);
    Live& live = live_[token];
    live.worker = std::string(worker);
    if (live.job.id) return;
    live.job = job;
    Push(job, Name(JobState::kRunning), worker);
  }
  Notify();
}

bool ProgressBoard::Report(AttemptToken token, std::string_view worker, LiveProgress progress) {
  {
    absl::MutexLock lock(&mutex_);
    const auto it = live_.find(token);
    if (it == live_.end()) return true;
    Live& live = it->second;
    if (live.worker != worker) return false;
    // A first report may come before the store took the Accept, and is lost then: whoever builds has fetched.
    for (int p = static_cast<int>(Phase::kFetch); p < static_cast<int>(progress.phase); ++p) {
      TellPhase(live, static_cast<Phase>(p), "");
    }
    TellPhase(live, progress.phase, progress.detail);
    live.progress = std::move(progress);
  }
  Notify();
  return true;
}

void ProgressBoard::Ended(AttemptToken token, const std::vector<Phase>& phases, JobState state,
                          std::string_view detail) {
  {
    absl::MutexLock lock(&mutex_);
    const auto it = live_.find(token);
    if (it == live_.end()) return;
    for (const Phase phase : phases) TellPhase(it->second, phase, "");
    Push(it->second.job, Name(state), detail);
    live_.erase(it);
  }
  Notify();
}

void ProgressBoard::Lost(AttemptToken token, std::string_view detail) {
  {
    absl::MutexLock lock(&mutex_);
    const auto it = live_.find(token);
    if (it == live_.end()) return;
    Push(it->second.job, Name(JobState::kQueued), detail);
    live_.erase(it);
  }
  Notify();
}

void ProgressBoard::Tell(const BoardJob& job, std::string_view what, std::string_view detail) {
  {
    absl::MutexLock lock(&mutex_);
    Push(job, what, detail);
  }
  Notify();
}

std::optional<LiveProgress> ProgressBoard::Of(AttemptToken token) const {
  absl::MutexLock lock(&mutex_);
  const auto it = live_.find(token);
  if (it == live_.end()) return std::nullopt;
  return it->second.progress;
}

std::vector<std::pair<AttemptToken, BoardJob>> ProgressBoard::RunningOn(std::string_view worker) const {
  std::vector<std::pair<AttemptToken, BoardJob>> out;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [token, live] : live_) {
      if (live.worker == worker) out.emplace_back(token, live.job);
    }
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return out;
}

int64_t ProgressBoard::Newest() const {
  absl::MutexLock lock(&mutex_);
  return newest_;
}

std::vector<BoardEvent> ProgressBoard::Since(int64_t sequence, size_t limit) const {
  absl::MutexLock lock(&mutex_);
  // Sequence numbers in the ring have no gaps.
  const int64_t oldest = newest_ - static_cast<int64_t>(events_.size());
  const size_t skip =
      static_cast<size_t>(std::clamp<int64_t>(sequence - oldest, 0, static_cast<int64_t>(events_.size())));
  const size_t n = std::min(limit, events_.size() - skip);
  const auto first = events_.begin() + static_cast<std::ptrdiff_t>(skip);
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
