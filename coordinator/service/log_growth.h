// Wakes those who follow a log when that log grows, and no others. Thread-safe.
#pragma once

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/ids.h"

namespace gofarm::service {

class LogGrowth {
 public:
  // One reader of one log; outlived by its LogGrowth. Used by one thread.
  class Follower {
   public:
    Follower(LogGrowth& growth, AttemptToken token);
    ~Follower();
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;
    // Waits until the log grew since the last Await returned, or since the follower was made; false at `until`.
    bool Await(absl::Time until);
    // The same without a wait, by any thread.
    bool TakeGrowth();

   private:
    friend class LogGrowth;
    LogGrowth& growth_;
    const AttemptToken token_;
    absl::CondVar changed_;
    bool grew_ = false;         // guarded by growth_.mutex_
    Follower* next_ = nullptr;  // of the same log; guarded by growth_.mutex_
  };

  void Grew(AttemptToken token);
  // Logs that somebody follows.
  size_t followed() const;

 private:
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<AttemptToken, Follower*> first_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::service
