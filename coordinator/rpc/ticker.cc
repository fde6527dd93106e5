#include "coordinator/rpc/ticker.h"

#include "common/base/clock.h"
#include "common/sync/wait.h"

namespace gofarm::rpc {

Ticker::Ticker() : thread_([this] { Work(); }) {}

Ticker::~Ticker() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

int64_t Ticker::After(absl::Duration wait, std::function<void()> run) {
  absl::MutexLock lock(&mutex_);
  const int64_t id = next_++;
  const absl::Time at = SteadyNow() + wait;
  when_[id] = at;
  due_[{at, id}] = std::move(run);
  if (due_.begin()->first.second == id) changed_ = true;
  return id;
}

void Ticker::Drop(int64_t id) {
  absl::MutexLock lock(&mutex_);
  const auto it = when_.find(id);
  if (it == when_.end()) return;
  due_.erase({it->second, id});
  when_.erase(it);
}

void Ticker::Work() {
  while (true) {
    std::function<void()> run;
    {
      absl::MutexLock lock(&mutex_);
      if (due_.empty() || due_.begin()->first.first > SteadyNow()) {
        sync::AwaitUntil(
            mutex_,
            absl::Condition(
                +[](Ticker* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mutex_) { return self->FirstChanged(); }, this),
            due_.empty() ? absl::InfiniteFuture() : due_.begin()->first.first);
        changed_ = false;
      }
      if (stopping_) return;
      if (due_.empty() || due_.begin()->first.first > SteadyNow()) continue;
      run = std::move(due_.begin()->second);
      when_.erase(due_.begin()->first.second);
      due_.erase(due_.begin());
    }
    run();
  }
}

}  // namespace gofarm::rpc
