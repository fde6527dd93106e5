// Figures that are some seconds old, so that no scrape waits for a database or a disk: a thread reads them at its own
// pace while somebody asks, and nothing while nobody does. Thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"

namespace gofarm::sync {

inline constexpr absl::Duration kKeptEvery = absl::Seconds(10);
inline constexpr absl::Duration kKeptWanted = absl::Minutes(2);  // after the last question
inline constexpr absl::Duration kKeptCallMax = absl::Seconds(10);
inline constexpr absl::Duration kKeptLook = absl::Seconds(1);

template <typename Value>
class Kept {
 public:
  using Read = std::function<absl::StatusOr<Value>(const Scope& scope)>;
  // `failure`: what the log calls a reading that failed. `every`: no more often while somebody asks.
  Kept(std::string failure, Read read, absl::Duration every = kKeptEvery)
      : failure_(std::move(failure)), read_(std::move(read)), every_(every) {}
  ~Kept() { Stop(); }
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;

  void Start() {
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  }
  void Stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  // What was read last, and asks for younger figures; null: nothing was.
  std::optional<Value> Last() {
    const absl::MutexLock lock(&mutex_);
    asked_at_ = SteadyNow();
    return last_;
  }

 private:
  void Run(const std::stop_token& stop) {
    while (SleepFor(stop, kKeptLook)) {
      {
        const absl::MutexLock lock(&mutex_);
        const absl::Time now = SteadyNow();
        if (now - asked_at_ > kKeptWanted || now - read_at_ < every_) continue;
        read_at_ = now;
      }
      absl::StatusOr<Value> value = read_(Scope::For(kKeptCallMax, stop));
      if (!value.ok()) {
        if (!stop.stop_requested()) obs::Warn(failure_, {{"error", std::string(value.status().message())}});
        continue;
      }
      const absl::MutexLock lock(&mutex_);
      last_ = *std::move(value);
    }
  }

  const std::string failure_;
  const Read read_;
  const absl::Duration every_;
  absl::Mutex mutex_;
  std::optional<Value> last_ ABSL_GUARDED_BY(mutex_);
  absl::Time read_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time asked_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::jthread thread_;
};

}  // namespace gofarm::sync
