// One thread that runs small functions later: the time limits of streams. Thread-safe; functions run on the ticker's
// thread and must not wait.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace gofarm::rpc {

class Ticker {
 public:
  Ticker();
  ~Ticker();  // what did not run yet never will
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  // Never 0. After the destructor began nothing runs.
  int64_t After(absl::Duration wait, std::function<void()> run);
  void Drop(int64_t id);

 private:
  using Key = std::pair<absl::Time, int64_t>;
  void Work();
  bool FirstChanged() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || changed_; }

  absl::Mutex mutex_;
  std::map<Key, std::function<void()>> due_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<int64_t, absl::Time> when_ ABSL_GUARDED_BY(mutex_);
  int64_t next_ ABSL_GUARDED_BY(mutex_) = 1;
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace gofarm::rpc
