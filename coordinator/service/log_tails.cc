#include "coordinator/service/log_tails.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"

namespace gofarm::service {

// What tails and the thread share. `open` is held for reading while the services are used: their end waits for it.
struct LogTail::Hub {
  struct Parts {
    blob::LogStore* logs;
    LogGrowth* growth;
    const ProgressBoard* board;
    LogTails::HasEnded has_ended;
  };
  struct Place {
    std::unique_ptr<LogGrowth::Follower> growth;
    std::function<void()> wake;
    AttemptToken token;
    absl::Time woken_at;
    bool told_end = false;  // woken for it
  };
  // What is known of a followed log.
  struct Followed {
    JobId job;
    int followers = 0;
    bool ended = false;
  };

  bool HasEnded(AttemptToken token) {
    const absl::MutexLock lock(&mutex);
    const auto found = followed.find(token);
    return found != followed.end() && found->second.ended;
  }

  absl::Mutex open;
  std::optional<Parts> parts ABSL_GUARDED_BY(open);  // none: it is over

  absl::Mutex mutex;
  int64_t last_place ABSL_GUARDED_BY(mutex) = 0;
  std::map<int64_t, Place> places ABSL_GUARDED_BY(mutex);
  absl::flat_hash_map<AttemptToken, Followed> followed ABSL_GUARDED_BY(mutex);
};

LogTail::LogTail(std::shared_ptr<Hub> hub, JobId job, AttemptToken token)
    : hub_(std::move(hub)), job_(job), token_(token) {
  const absl::MutexLock lock(&hub_->mutex);
  Hub::Followed& followed = hub_->followed[token_];
  followed.job = job_;
  ++followed.followers;
}

LogTail::~LogTail() {
  // While the growth is there: what follows it goes before it.
  const absl::ReaderMutexLock open(&hub_->open);
  const absl::MutexLock lock(&hub_->mutex);
  hub_->places.erase(place_);
  const auto found = hub_->followed.find(token_);
  if (found != hub_->followed.end() && --found->second.followers == 0) hub_->followed.erase(found);
}

void LogTail::OnNews(std::function<void()> wake) {
  const absl::ReaderMutexLock open(&hub_->open);
  if (!hub_->parts) return;  // Read says so
  const absl::MutexLock lock(&hub_->mutex);
  place_ = ++hub_->last_place;
  hub_->places[place_] = {.growth = std::make_unique<LogGrowth::Follower>(*hub_->parts->growth, token_),
                          .wake = std::move(wake),
                          .token = token_,
                          .woken_at = SteadyNow()};
}

absl::StatusOr<LogTail::Piece> LogTail::Read(int64_t offset, size_t limit) {
  const absl::ReaderMutexLock open(&hub_->open);
  if (!hub_->parts) return absl::UnavailableError("this coordinator does not lead any more; ask again");
  Piece piece;
  piece.ended = hub_->HasEnded(token_);
  // One that nobody ever saw on the board may have ended long ago: it is asked for at once.
  if (!piece.ended && !hub_->parts->board->Of(token_)) {
    GOFARM_ASSIGN_OR_RETURN(piece.ended, hub_->parts->has_ended(Scope::For(kTailAskMax), job_, token_));
    if (piece.ended) {
      const absl::MutexLock lock(&hub_->mutex);
      hub_->followed[token_].ended = true;
    }
  }
  GOFARM_ASSIGN_OR_RETURN(piece.slice, hub_->parts->logs->Read(token_, offset, limit));
  return piece;
}

LogTails::LogTails(blob::LogStore& logs, LogGrowth& growth, const ProgressBoard& board, HasEnded has_ended)
    : hub_(std::make_shared<LogTail::Hub>()) {
  {
    const absl::MutexLock lock(&hub_->open);
    hub_->parts = {.logs = &logs, .growth = &growth, .board = &board, .has_ended = std::move(has_ended)};
  }
  thread_ = std::jthread([this](const std::stop_token& stop) {
    while (sync::SleepFor(stop, kTailTick)) Tick(stop);
  });
}

LogTails::~LogTails() {
  thread_.request_stop();
  thread_.join();
  std::vector<std::function<void()>> wakes;
  {
    const absl::MutexLock open(&hub_->open);
    hub_->parts.reset();
    const absl::MutexLock lock(&hub_->mutex);
    for (auto& [number, place] : hub_->places) {
      place.growth.reset();
      wakes.push_back(place.wake);
    }
  }
  for (const std::function<void()>& wake : wakes) wake();
}

std::shared_ptr<LogTail> LogTails::Open(JobId job, AttemptToken token) {
  return std::shared_ptr<LogTail>(new LogTail(hub_, job, token));
}

size_t LogTails::followed() const {
  const absl::MutexLock lock(&hub_->mutex);
  return hub_->followed.size();
}

void LogTails::Tick(const std::stop_token& stop) {
  // Not under the locks: what a wake lets go of may be the last of a tail.
  for (const std::function<void()>& wake : Due(stop)) wake();
}

std::vector<std::function<void()>> LogTails::Due(const std::stop_token& stop) {
  const absl::ReaderMutexLock open(&hub_->open);
  std::vector<std::pair<AttemptToken, JobId>> unsure;
  {
    const absl::MutexLock lock(&hub_->mutex);
    for (const auto& [token, followed] : hub_->followed) {
      if (!followed.ended && !hub_->parts->board->Of(token)) unsure.emplace_back(token, followed.job);
    }
  }
  std::vector<AttemptToken> over;
  for (const auto& [token, job] : unsure) {
    const absl::StatusOr<bool> ended = hub_->parts->has_ended(Scope::For(kTailAskMax, stop), job, token);
    if (!ended.ok()) {
      obs::Warn("log_tail_unsure", {{"error", std::string(ended.status().message())}});
      break;  // the store is away: the next tick asks again
    }
    if (*ended) over.push_back(token);
  }
  std::vector<std::function<void()>> wakes;
  const absl::Time now = SteadyNow();
  {
    const absl::MutexLock lock(&hub_->mutex);
    for (const AttemptToken token : over) {
      if (const auto found = hub_->followed.find(token); found != hub_->followed.end()) found->second.ended = true;
    }
    for (auto& [number, place] : hub_->places) {
      const bool grew = place.growth != nullptr && place.growth->TakeGrowth();
      // Another follower's Read may have learned of the end before this thread did.
      const auto of = hub_->followed.find(place.token);
      const bool ends = of != hub_->followed.end() && of->second.ended && !place.told_end;
      if (ends) place.told_end = true;
      if (!grew && !ends && now - place.woken_at < kTailStillThere) continue;
      place.woken_at = now;
      wakes.push_back(place.wake);
    }
  }
  return wakes;
}

absl::StatusOr<bool> HasAttemptEnded(QueryService& queries, const Scope& scope, JobId job, AttemptToken token) {
  const absl::StatusOr<std::vector<domain::AttemptRef>> attempts = queries.AttemptsOf(scope, job);
  if (absl::IsNotFound(attempts.status())) return true;
  GOFARM_RETURN_IF_ERROR(attempts.status());
  if (attempts->empty()) return true;
  const domain::AttemptRef& newest = attempts->back();
  return newest.token != token || newest.outcome != AttemptOutcome::kRunning;
}

}  // namespace gofarm::service
