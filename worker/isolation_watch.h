// Looks again and again whether this host can isolate builds. A worker that could not at its start goes to work once
// the host was repaired; one whose host changes under it (user namespaces switched off) takes no further job
// instead of failing one after the other. A look that a full disk made useless (RESOURCE_EXHAUSTED) changes
// nothing; where it was the first one, the next verdict is reported whatever it is.
//
// A thread of its own; the destructor stops and joins it. `changed` is called from that thread.
#pragma once

#include <functional>
#include <optional>
#include <random>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/backoff.h"
#include "common/base/scope.h"

namespace gofarm::worker {

struct IsolationWatchOptions {
  std::function<absl::Status(const Scope&)> probe;       // see exec::Sandbox::Probe; gets probe_max
  std::function<void(const absl::Status& now)> changed;  // a first verdict, or another one than before
  absl::Duration probe_max = absl::Seconds(60);
  absl::Duration while_able = absl::Minutes(10);  // between two looks
  BackoffPolicy while_unable = {absl::Seconds(5), absl::Minutes(2), 2.0};
};

class IsolationWatch {
 public:
  // `known`: what the first look, before there was a watch, has shown.
  IsolationWatch(IsolationWatchOptions options, const absl::Status& known);

 private:
  void Run(const std::stop_token& stop, std::optional<bool> able);

  const IsolationWatchOptions options_;
  std::mt19937_64 random_{std::random_device{}()};
  std::jthread thread_;  // last: it is gone before what it uses
};

}  // namespace gofarm::worker
