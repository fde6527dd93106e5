// A bounded queue between two threads of one pipeline. Either side may end it.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace gofarm::catalog {

template <typename T>
class HandOver {
 public:
  explicit HandOver(size_t limit) : limit_(limit) {}

  // Waits for room. False: nobody takes any more.
  bool Put(T value) {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &HandOver::CanPut));
    if (closed_) return false;
    queue_.push_back(std::move(value));
    return true;
  }
  // Waits for one. Nothing: the giver has ended, and all is taken.
  std::optional<T> Take() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &HandOver::CanTake));
    if (queue_.empty()) return std::nullopt;
    std::optional<T> value = std::move(queue_.front());
    queue_.pop_front();
    return value;
  }
  // By the giver: no more comes.
  void End() {
    const absl::MutexLock lock(&mutex_);
    ended_ = true;
  }
  // By the taker: no more is taken.
  void Close() {
    std::deque<T> dropped;  // outside the lock
    const absl::MutexLock lock(&mutex_);
    closed_ = true;
    dropped.swap(queue_);
  }

 private:
  bool CanPut() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return queue_.size() < limit_ || closed_; }
  bool CanTake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !queue_.empty() || ended_ || closed_; }

  const size_t limit_;
  absl::Mutex mutex_;
  std::deque<T> queue_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace gofarm::catalog
