// Threads for streams that go at their reader's pace: each has one of its own, so that a client that reads slowly holds
// up nobody else.
#pragma once

#include <functional>
#include <iterator>
#include <list>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/text.h"
#include "common/obs/log.h"

namespace gofarm::rpc {

class StreamThreads {
 public:
  explicit StreamThreads(int threads_max) : threads_max_(threads_max) {}
  ~StreamThreads() { Join(); }
  // False: there are too many, or the machine gives no more.
  bool TryRun(std::function<void()> body) {
    absl::MutexLock lock(&mutex_);
    Reap();
    if (running_ >= threads_max_) return false;
    threads_.push_back({});
    const auto here = std::prev(threads_.end());
    try {
      here->thread = std::thread([this, here, body = std::move(body)] {
        body();
        absl::MutexLock ended(&mutex_);
        here->done = true;
        --running_;
      });
    } catch (const std::system_error& e) {
      obs::Error("no_thread", {{"running", Cat(running_)}, {"what", e.what()}});
      threads_.erase(here);
      return false;
    }
    ++running_;  // the thread waits for the lock before it counts itself out
    return true;
  }
  int threads_max() const { return threads_max_; }
  void Join() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](StreamThreads* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mutex_) { return self->running_ == 0; }, this));
    Reap();
  }

 private:
  struct Entry {
    std::thread thread;
    bool done = false;
  };
  // Joins threads whose last act is to leave the lock held here.
  void Reap() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (auto it = threads_.begin(); it != threads_.end();) {
      const auto here = it++;
      if (!here->done) continue;
      here->thread.join();
      threads_.erase(here);
    }
  }
  const int threads_max_;
  absl::Mutex mutex_;
  std::list<Entry> threads_ ABSL_GUARDED_BY(mutex_);
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace gofarm::rpc
