// Threads for work that blocks (database, disk, proxy), with a bounded queue. Thread-safe.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace gofarm::sync {

class BoundedPool {
 public:
  // `name` is for logs and metrics.
  BoundedPool(std::string name, int threads, size_t queue_max);
  ~BoundedPool();  // Stop()
  BoundedPool(const BoundedPool&) = delete;
  BoundedPool& operator=(const BoundedPool&) = delete;

  // False when the queue is full or the pool stops; the task was not taken then. A task that throws is logged, its
  // thread lives on.
  bool TryPost(std::function<void()> task);
  // Runs what is queued, then joins. Later posts are refused.
  void Stop();

 private:
  void Work();
  bool HasWorkOrStops() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !queue_.empty(); }

  const std::string name_;
  const size_t queue_max_;
  absl::Mutex mutex_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace gofarm::sync
