// Carries domain/leadership: asks the store for the leadership, renews it on a thread of its own, so that no other call
// stands before a renewal, and notifies the app when it begins and when another coordinator has taken it.
//
// Thread-safe. The store and what `hold_folder` touches must outlive it.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "coordinator/domain/leadership.h"

namespace gofarm::service {

inline constexpr absl::Duration kLeadershipCallMax = absl::Seconds(5);

struct LeadershipOptions {
  std::string holder;  // who leads: host and pid, for people
  // Locks the data_dir and returns the id that stands in it. UNAVAILABLE: another process holds it, ask again. Every
  // other error ends the wait.
  std::function<absl::StatusOr<std::string>()> hold_folder;
  leadership::Timing timing;
};

struct LeadershipView {
  bool leads = false;
  std::string holder;  // who leads, as far as is known
  std::string why;     // why this coordinator does not
};

class Leadership {
 public:
  Leadership(LeadershipOptions options, leadership::LeadershipStore& store);
  ~Leadership();  // Stop
  Leadership(const Leadership&) = delete;
  Leadership& operator=(const Leadership&) = delete;

  // Blocks until this coordinator leads and returns its epoch; nullopt: `stop`, or `patience` is over. An error: it
  // never will.
  absl::StatusOr<std::optional<int64_t>> AwaitTurn(const std::stop_token& stop, absl::Duration patience);
  // Blocks until another coordinator leads, or `stop`.
  void AwaitDeposal(const std::stop_token& stop);
  // A write was refused because another coordinator leads.
  void Lost(const absl::Status& why);
  // What lived as long as the leadership is taken down: a deposed coordinator stands by again, another one gives its
  // lease back.
  void Ended();
  // Finishes the call under way and gives the lease back after Ended.
  void Stop();

  LeadershipView View() const;

 private:
  void Run();
  void Feed(const leadership::Event& event);
  // What changed for those who read the log.
  struct Change {
    leadership::Role before, after;
    bool why_changed = false;
    int64_t epoch = 0;
    std::string why;
  };
  Change Apply(const leadership::Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Log(const Change& change) const;
  std::optional<leadership::Event> Carry(const leadership::Effect& effect);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !pending_.empty() || due_changed_; }

  const LeadershipOptions options_;
  leadership::LeadershipStore& store_;
  std::string id_;  // own thread

  mutable absl::Mutex mutex_;
  leadership::State state_ ABSL_GUARDED_BY(mutex_);
  std::deque<leadership::Effect> pending_ ABSL_GUARDED_BY(mutex_);
  absl::Status hopeless_ ABSL_GUARDED_BY(mutex_);  // the folder can never be held
  bool due_changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace gofarm::service
