// Whether the own gRPC listener answers: it is dialled anew every few seconds, as a worker would, since a listener that
// once ran out of descriptors may accept nobody any more while the process is well.
//
// Thread-safe; Check never waits.
#pragma once

#include <chrono>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/scope.h"

namespace gofarm::rpc {

inline constexpr absl::Duration kListenerDialEvery = absl::Seconds(5);
inline constexpr absl::Duration kListenerDialMax = absl::Seconds(5);
// Without an answer for so long the listener counts as dead.
inline constexpr absl::Duration kListenerSilenceMax = absl::Seconds(30);

// One call of the health service at `address`, on a connection of its own. UNAVAILABLE or DEADLINE_EXCEEDED: it does
// not answer. Blocks.
absl::Status DialListener(const Scope& scope, const std::string& address);

class ListenerWatch {
 public:
  struct Pace {
    absl::Duration every = kListenerDialEvery;
    absl::Duration dial_max = kListenerDialMax;
    absl::Duration silence_max = kListenerSilenceMax;
  };
  explicit ListenerWatch(Pace pace);
  ListenerWatch() : ListenerWatch(Pace{}) {}
  // Another address from now on; empty: nothing listens.
  void Watch(const std::string& address);
  // UNAVAILABLE when the listener has not answered for longer than silence_max.
  absl::Status Check() const;

 private:
  using Steady = std::chrono::steady_clock;
  void Run(const std::stop_token& stop);

  const Pace pace_;
  mutable absl::Mutex mutex_;
  std::string address_ ABSL_GUARDED_BY(mutex_);
  Steady::time_point answered_ ABSL_GUARDED_BY(mutex_);  // or: since when it is watched
  std::string error_ ABSL_GUARDED_BY(mutex_);            // of the last dial; empty: it answered
  std::jthread thread_;
};

}  // namespace gofarm::rpc
