// Deadlines of calls by SteadyNow(). gRPC counts from a monotonic clock, but its timer thread sleeps by the wall clock
// (1.51 of Debian 12): after that was set back by T no timer of it fires for T. What must end has an alarm of ours too.
#pragma once

#include <grpc/support/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>

#include "absl/time/time.h"
#include "common/sync/alarm.h"

namespace gofarm::rpc {

// How long gRPC has to end a call at its deadline by itself; then it is cancelled.
inline constexpr absl::Duration kTimerGrace = absl::Seconds(1);

// As gRPC takes it: a span from now, which means the same by every clock.
gpr_timespec DeadlineOf(absl::Time deadline);

// The deadline of a client's call. Lives as long as the call; before it begins.
class CallDeadline {
 public:
  CallDeadline(grpc::ClientContext& context, absl::Time deadline);

 private:
  const sync::Alarm cancel_;
};

// Whether the channel is connected, at the latest at `deadline`. Where gRPC does not end the wait by itself, its timers
// sleep, that of its backoff too: then the next attempt to connect begins at once.
bool AwaitConnected(const std::shared_ptr<grpc::Channel>& channel, absl::Time deadline);

}  // namespace gofarm::rpc
