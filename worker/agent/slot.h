// One place for one attempt at a time, with the one thread that owns it: the thread runs the build, then waits for the
// command to complete it (upload what is missing, call Complete once) or to throw it away. Since everything of a slot
// happens on its thread in order, a new attempt never meets what the former one left.
//
// Thread-safe. What happens is posted, from the slot's threads.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "worker/agent/session_logic.h"
#include "worker/build/runner.h"
#include "worker/upload/log_spool.h"
#include "worker/upload/log_uploader.h"
#include "worker/upload/uplink.h"

namespace gofarm::v1 {
class CompleteRequest;
}

namespace gofarm::agent {

inline constexpr absl::Duration kLogFlushTimeout = absl::Seconds(60);
inline constexpr absl::Duration kUploadTimeout = absl::Minutes(15);  // all artifacts of one attempt, one try
inline constexpr absl::Duration kCompleteTimeout = absl::Seconds(30);

// The side of an attempt that the agent's loop sees.
class AttemptControl {
 public:
  explicit AttemptControl(AttemptToken token) : token_(token) {}
  AttemptToken token() const { return token_; }

  std::stop_source build;  // ends the build
  std::stop_source io;     // ends uploads and completion

  // True when the phase or variant changed: worth telling at once.
  bool SetProgress(const Progress& progress, absl::Time now);
  // The latest, with the time in its phase and every phase reached so far.
  Progress Look(absl::Time now) const;

 private:
  const AttemptToken token_;
  mutable absl::Mutex mutex_;
  Progress progress_ ABSL_GUARDED_BY(mutex_);
  absl::Time phase_since_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

struct SlotEnvironment {
  build::Runner* runner = nullptr;
  const upload::Uplink* uplink = nullptr;
  std::string spool_folder;  // exists
  std::string worker_build;
  std::function<void(Event)> post;
};

class Slot {
 public:
  explicit Slot(SlotEnvironment environment);
  ~Slot();  // ends what runs and joins
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  // AttemptFinished follows.
  std::shared_ptr<AttemptControl> Start(build::AcceptedOffer offer, absl::Duration deadline);
  // CompleteAnswered follows.
  void Complete();
  // Ends uploads at once; files go when the slot's thread comes to it.
  void Discard();

 private:
  struct Attempt;
  struct Command {
    enum class Kind { kBuild, kComplete, kDiscard } kind;
    std::unique_ptr<Attempt> attempt;  // kBuild
  };

  void Work();
  bool HasCommandOrStops() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !commands_.empty(); }
  void Post(Command command);
  void Build(Attempt& attempt);
  CompleteAnswer CompleteOnce(Attempt& attempt);
  absl::Status UploadAll(const Scope& scope, Attempt& attempt);
  void Publish(const Attempt& attempt, const Progress& progress) const;

  const SlotEnvironment environment_;
  absl::Mutex mutex_;
  std::deque<Command> commands_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<AttemptControl> current_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace gofarm::agent
