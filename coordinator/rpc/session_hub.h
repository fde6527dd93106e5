// All open worker sessions: the dispatcher's way to their streams, the last report of each worker, and the answer to
// "does this token own a running attempt?". Thread-safe; nothing is sent while the lock is held.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/base/scope.h"
#include "coordinator/domain/types.h"
#include "coordinator/service/dispatch_loop.h"

namespace gofarm::rpc {

inline constexpr absl::Duration kTokenTrust = absl::Seconds(5);  // a token found good is not asked for again so soon
inline constexpr size_t kTokensRemembered = 20'000;
inline constexpr size_t kReportsMax = 5'000;

// The stream of one session, as the hub sees it.
class SessionStream {
 public:
  virtual ~SessionStream() = default;
  virtual void SendMessage(int64_t epoch, const service::SessionMessage& message) = 0;
  virtual void CloseWith(const absl::Status& why) = 0;
};

class SessionHub final : public service::SessionSink {
 public:
  // By the store.
  using StateOf = std::function<absl::StatusOr<domain::TokenState>(const Scope&, AttemptToken)>;
  explicit SessionHub(StateOf state_of) : state_of_(std::move(state_of)) {}

  void Send(dispatch::StreamId stream, int64_t epoch, service::SessionMessage message) override;
  void Close(dispatch::StreamId stream, const absl::Status& why) override;
  void CloseAll(const absl::Status& why);

  void Add(dispatch::StreamId id, std::shared_ptr<SessionStream> stream);
  void Remove(dispatch::StreamId id);

  // FAILED_PRECONDITION: the token is stale, the worker drops that attempt. UNAVAILABLE: its Accept is not stored yet,
  // or the store does not answer: try again. Blocks.
  absl::Status CheckToken(const Scope& scope, AttemptToken token);
  void Forget(AttemptToken token);  // it ended

  void SetReport(const std::string& worker, const domain::WorkerReport& report);
  std::optional<domain::WorkerReport> ReportOf(const std::string& worker) const;

 private:
  std::shared_ptr<SessionStream> Find(dispatch::StreamId id) const;

  const StateOf state_of_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<dispatch::StreamId, std::shared_ptr<SessionStream>> streams_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, domain::WorkerReport> reports_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<AttemptToken, absl::Time> good_ ABSL_GUARDED_BY(mutex_);  // until when
};

}  // namespace gofarm::rpc
