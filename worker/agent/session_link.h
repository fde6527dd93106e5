// One session stream to one coordinator: dials after a wait, says what comes in and when it ended, sends what it is
// given. A reader and a writer thread, so that a peer that does not read never holds the agent. One object per dial.
//
// Thread-safe. The callbacks come from the link's own threads and must not wait. The destructor hangs up and joins.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace grpc {
class Channel;
}
namespace gofarm::v1 {
class CoordinatorMessage;
class WorkerMessage;
}  // namespace gofarm::v1

namespace gofarm::agent {

inline constexpr size_t kOutgoingMax = 1000;                         // a peer that reads so slowly is hung up on
inline constexpr absl::Duration kConnectTimeout = absl::Seconds(3);  // then the next address has its turn

struct LinkCallbacks {
  std::function<void()> connected;
  std::function<void(const v1::CoordinatorMessage&)> message;
  std::function<void(const absl::Status&)> disconnected;  // once, last; also when the dial failed
};

class SessionLink {
 public:
  // `secret`: of the former session; empty: there was none.
  SessionLink(std::shared_ptr<grpc::Channel> channel, std::string secret, absl::Duration after,
              LinkCallbacks callbacks);
  ~SessionLink();
  SessionLink(const SessionLink&) = delete;
  SessionLink& operator=(const SessionLink&) = delete;

  // Dropped silently when the link is not open.
  void Send(const v1::WorkerMessage& message);
  // Ends it at once; `disconnected` follows.
  void Hangup(const std::string& why);
  // Sends what is queued, says that nothing more comes, and waits for the peer to end the stream; hangs up after
  // `limit`.
  void Close(absl::Duration limit);

 private:
  struct Stream;  // the gRPC objects

  void Run();
  absl::Status Dial();
  void Write();
  bool HasOutgoingOrEnds() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<grpc::Channel> channel_;
  const std::string secret_;
  const absl::Duration after_;
  const LinkCallbacks callbacks_;

  absl::Mutex mutex_;
  std::unique_ptr<Stream> stream_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::unique_ptr<v1::WorkerMessage>> outgoing_ ABSL_GUARDED_BY(mutex_);
  std::string hangup_ ABSL_GUARDED_BY(mutex_);  // why, when we ended it
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool hung_up_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace gofarm::agent
