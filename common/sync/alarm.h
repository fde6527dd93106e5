// Something to do at a time of SteadyNow(), on the one thread that the process has for it: what ends a wait or a call
// although the condition it waits for never comes. Deadlines of absl::Mutex, absl::CondVar and absl::Notification go by
// the wall clock in the Abseil of Debian 12, and stand still for T when that clock is set back by T.
//
// Thread-safe. Not to be used after a fork without exec.
#pragma once

#include <functional>

#include "absl/time/time.h"

namespace gofarm::sync {

class Alarm {
 public:
  // `run` must be short: all alarms of the process wait for it. absl::InfiniteFuture(): never.
  Alarm(absl::Time at, std::function<void()> run);
  // When `run` is under way it waits until it has ended; whoever holds a lock that `run` takes must Drop() before.
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // True: it will not run any more, or has ended. False: it is running now.
  bool Drop();

 private:
  friend class AlarmThread;
  enum class State { kWaiting, kRunning, kOver };

  const absl::Time at_;
  const std::function<void()> run_;
  State state_ = State::kOver;  // guarded by the lock of AlarmThread
};

}  // namespace gofarm::sync
