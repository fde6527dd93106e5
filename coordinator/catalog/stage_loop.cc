#include "coordinator/catalog/stage_loop.h"

#include <algorithm>
#include <utility>

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"
#include "coordinator/catalog/room_rule.h"
#include "coordinator/domain/epoch.h"

namespace gofarm::catalog {
namespace {

// Of a turn that failed as a whole: one of kStageErrors.
std::string ClassOf(const absl::Status& turn) {
  if (turn.ok()) return "";
  if (IsNoRoom(turn)) return "no_room";
  return absl::IsUnavailable(turn) ? "unavailable" : "internal";
}

}  // namespace

StageLoop::StageLoop(Stage stage, StageTurn& turn, StageCounters& counters,
                     std::function<void(const absl::Status&)> lost)
    : stage_(stage), turn_(turn), counters_(counters), lost_(std::move(lost)) {}

StageLoop::~StageLoop() { Stop(); }

void StageLoop::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void StageLoop::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void StageLoop::SetRunning(bool running) {
  const absl::MutexLock lock(&mutex_);
  if (running && !running_) progress_at_ = SteadyNow();
  running_ = running;
  kicked_ = true;
  resting_ = false;
}

void StageLoop::Kick() {
  const absl::MutexLock lock(&mutex_);
  kicked_ = true;
  resting_ = false;
}

StageFacts StageLoop::Facts() const {
  const absl::MutexLock lock(&mutex_);
  return {.running = running_,
          .resting = resting_,
          .rate = meter_.PerSecond(SteadyNow()),
          .errors = errors_,
          .last_error = last_error_,
          .progress_at = progress_at_};
}

bool StageLoop::Await(absl::Duration rest) {
  const absl::MutexLock lock(&mutex_);
  sync::AwaitFor(mutex_, absl::Condition(this, &StageLoop::Awake), rest);
  mutex_.Await(absl::Condition(this, &StageLoop::On));
  kicked_ = false;
  return !stopping_;
}

void StageLoop::Note(const absl::StatusOr<StageTurn::Done>& done) {
  const absl::Time now = SteadyNow();
  const std::string failed = ClassOf(done.status());
  if (done.ok()) {
    counters_.AddModules(done->modules);
    for (const auto& [name, count] : done->errors) counters_.AddErrors(name, count);
  } else {
    counters_.AddErrors(failed, 1);
  }
  bool log = false;
  {
    const absl::MutexLock lock(&mutex_);
    if (done.ok()) {
      meter_.Add(done->modules, now);
      if (done->modules > 0 || done->taken_up > 0) progress_at_ = now;
      for (const auto& [name, count] : done->errors) errors_[name] += count;
      last_error_.clear();
      // A kick during the turn may have come for what it did not see.
      resting_ = done->modules == 0 && done->taken_up == 0 && !kicked_;
      return;
    }
    ++errors_[failed];
    last_error_ = std::string(done.status().message());
    log = now - logged_at_ >= kErrorLogEvery;
    if (log) logged_at_ = now;
  }
  if (log) {
    obs::Warn("catalog_stage_failed",
              {{"stage", std::string(Name(stage_))}, {"error", std::string(done.status().message())}});
  }
}

void StageLoop::Run(const std::stop_token& stop) {
  const BackoffPolicy error_pace{.first = absl::Seconds(1), .longest = kErrorRestMax};
  absl::Duration rest = absl::ZeroDuration();
  int failures = 0;
  while (Await(rest)) {
    const absl::StatusOr<StageTurn::Done> done = turn_.Turn(Scope::For(turn_.TurnMax(), stop));
    if (stop.stop_requested()) return;
    Note(done);
    if (domain::IsEpochOver(done.status())) {
      lost_(done.status());
      return;
    }
    if (!done.ok()) {
      rest = BackoffDelay(error_pace, ++failures, 0.5);
      continue;
    }
    failures = 0;
    const bool idle = done->modules == 0 && done->taken_up == 0;
    rest = !idle ? absl::ZeroDuration() : std::min(kRestMax, std::max(kRestFirst, 2 * rest));
  }
}

}  // namespace gofarm::catalog
