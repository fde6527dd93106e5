#include "coordinator/service/log_growth.h"

#include <utility>

#include "common/sync/wait.h"

namespace gofarm::service {

LogGrowth::Follower::Follower(LogGrowth& growth, AttemptToken token) : growth_(growth), token_(token) {
  absl::MutexLock lock(&growth_.mutex_);
  next_ = std::exchange(growth_.first_[token_], this);
}

LogGrowth::Follower::~Follower() {
  absl::MutexLock lock(&growth_.mutex_);
  const auto it = growth_.first_.find(token_);
  Follower** link = &it->second;
  while (*link != this) link = &(*link)->next_;
  *link = next_;
  if (it->second == nullptr) growth_.first_.erase(it);
}

bool LogGrowth::Follower::Await(absl::Time until) {
  absl::MutexLock lock(&growth_.mutex_);
  while (!grew_) {
    if (sync::WaitUntil(changed_, growth_.mutex_, until) && !grew_) return false;
  }
  grew_ = false;
  return true;
}

bool LogGrowth::Follower::TakeGrowth() {
  absl::MutexLock lock(&growth_.mutex_);
  return std::exchange(grew_, false);
}

void LogGrowth::Grew(AttemptToken token) {
  absl::MutexLock lock(&mutex_);
  const auto it = first_.find(token);
  if (it == first_.end()) return;
  for (Follower* follower = it->second; follower != nullptr; follower = follower->next_) {
    follower->grew_ = true;
    follower->changed_.Signal();
  }
}

size_t LogGrowth::followed() const {
  absl::MutexLock lock(&mutex_);
  return first_.size();
}

}  // namespace gofarm::service
