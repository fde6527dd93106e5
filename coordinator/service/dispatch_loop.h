// The one thread that owns the dispatcher's state: it takes events from a bounded queue, lets dispatch::Step decide,
// and carries the effects out: store calls on one database thread (in order; renewals, claims, accepts and returns of a
// round in one transaction each), messages through a SessionSink.
//
// Threads: all methods may be called from any thread. Post never blocks. The views copy under a lock that the loop
// holds only while it steps (no I/O under it). The sink, the observer and the store must outlive the loop; Stop joins.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/scope.h"
#include "common/vocab/toolset.h"
#include "coordinator/domain/dispatch.h"
#include "coordinator/domain/dispatch_figures.h"
#include "coordinator/domain/dispatch_store.h"
#include "coordinator/domain/live.h"
#include "coordinator/domain/placement.h"

namespace gofarm::service {

inline constexpr size_t kDispatchEventsMax = 65'536;  // posted and not yet taken; beyond it Post refuses
inline constexpr absl::Duration kDispatchTick = absl::Milliseconds(250);
inline constexpr absl::Duration kFiguresEvery = absl::Seconds(1);
inline constexpr absl::Duration kStoreCallTimeout = absl::Seconds(10);

// The streams of all workers. Called from the loop's thread only; never blocks, never calls back into the loop directly
// (it may Post).
class SessionSink {
 public:
  virtual ~SessionSink() = default;
  // Queues the message for the stream; the queue is bounded. A stream that is gone or full: the message is thrown away,
  // the stream is closed, and dispatch::StreamClosed{stream} is (or was) posted.
  virtual void Send(dispatch::StreamId stream, int64_t epoch, dispatch::SessionMessage message) = 0;
  // Ends the stream with this status; dispatch::StreamClosed{stream} follows.
  virtual void Close(dispatch::StreamId stream, const absl::Status& why) = 0;
};

// Hears what happens to attempts, on the loop's thread and outside its lock; must be quick.
class DispatchObserver {
 public:
  virtual ~DispatchObserver() = default;
  // An offer goes out; what its worker reports comes later.
  virtual void Offered(AttemptToken token, const domain::QueuedJob& job, const std::string& worker) = 0;
  // Accepted, or kept by a Hello.
  virtual void Running(AttemptToken token, const domain::QueuedJob& job, const std::string& worker,
                       absl::Time since) = 0;
  // `job_state`: kQueued when the job waits again, else as it ended.
  virtual void Lost(AttemptToken token, JobState job_state, const std::string& why) = 0;
  // One that this loop never saw run: its worker was another coordinator's, and went away with it.
  virtual void LostUnseen(const domain::LostAttempt& attempt) = 0;
};

// What the loop takes from the services.
class DispatchPort {
 public:
  virtual ~DispatchPort() = default;
  // RESOURCE_EXHAUSTED when the queue is full: the reactor then closes its stream with it. StreamClosed, AttemptEnded
  // and CancelRequested are always taken (they are bounded by streams and running attempts).
  virtual absl::Status Post(dispatch::Event event) = 0;
  // New or changed rows in the queue (submit, retry), from the job id `lowest` on (0: unknown); cheap and coalesced.
  virtual void QueueChanged(JobId lowest) = 0;
  // What an attempt's end means for its job, as far as it hangs on its worker and the others.
  virtual domain::TryContext ContextOf(AttemptToken token) const = 0;
};

struct DispatchLoopOptions {
  std::shared_ptr<const std::vector<Toolset>> toolsets;
  BuildLimits limits;
  // Beyond wall time of the build itself: fetch, seeding, upload.
  absl::Duration attempt_slack = absl::Minutes(30);
};

struct DispatchStats {
  int64_t epoch = 0;
  int64_t waiting = 0;  // jobs in the mirror that wait
  int64_t offered = 0;
  int64_t running = 0;
  int64_t sessions = 0;     // connected
  int64_t offers_made = 0;  // since start, as all below
  int64_t offers_accepted = 0;
  int64_t offers_refused = 0;
  int64_t offers_timed_out = 0;
  int64_t attempts_lost = 0;
  int64_t store_failures = 0;
  int64_t events_refused = 0;
};

// What the loop publishes every kFiguresEvery, for who must not wait for its lock.
struct PublishedFigures {
  dispatch::DispatchFigures figures;
  int64_t epoch = 0;
  int64_t events_refused = 0;
  double busy_seconds = 0;  // that the loop's thread did not wait, since its start
};

class DispatchLoop final : public DispatchPort {
 public:
  DispatchLoop(DispatchLoopOptions options, domain::DispatchStore& store, SessionSink& sink, const Clock& clock);
  ~DispatchLoop() override;  // Stop
  DispatchLoop(const DispatchLoop&) = delete;
  DispatchLoop& operator=(const DispatchLoop&) = delete;

  // Of the leader of `epoch`: resets the leases, starts both threads. Until it returned OK no stream may be opened.
  absl::Status Start(const Scope& scope, int64_t epoch);
  void Observe(DispatchObserver& observer);  // before Start
  // `lost_leadership` is called once, from the database thread, when a write was refused since another coordinator
  // leads.
  void OnLeadershipLost(std::function<void(const absl::Status&)> lost_leadership);  // before Start
  // Leases stay: the next coordinator takes the builds back. Workers that are taken down with the farm say Goodbye
  // before.
  void Stop();

  // Streams get their number here, before HelloReceived is posted.
  dispatch::StreamId NewStream();
  absl::Status Post(dispatch::Event event) override;
  void QueueChanged(JobId lowest) override;
  domain::TryContext ContextOf(AttemptToken token) const override;

  int64_t Epoch() const;
  // Without reports and running jobs, by name.
  std::vector<domain::WorkerView> Workers() const;
  dispatch::WhyWaiting Why(JobId job) const;
  // As dispatch::MayRemove and dispatch::IsThere.
  absl::Status MayRemove(const std::string& worker) const;
  bool IsThere(const std::string& worker) const;
  DispatchStats Stats() const;
  // The newest that were published; null before Start. Never waits for the loop.
  std::shared_ptr<const PublishedFigures> Figures() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gofarm::service
