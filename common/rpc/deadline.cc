#include "common/rpc/deadline.h"

#include <algorithm>

#include "common/base/clock.h"

namespace gofarm::rpc {

gpr_timespec DeadlineOf(absl::Time deadline) {
  if (deadline == absl::InfiniteFuture()) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  const absl::Duration rest = std::max(deadline - SteadyNow(), absl::ZeroDuration());
  return gpr_time_from_micros(absl::ToInt64Microseconds(rest), GPR_TIMESPAN);
}

CallDeadline::CallDeadline(grpc::ClientContext& context, absl::Time deadline)
    : cancel_(deadline + kTimerGrace, [&context] { context.TryCancel(); }) {
  context.set_deadline(DeadlineOf(deadline));
}

bool AwaitConnected(const std::shared_ptr<grpc::Channel>& channel, absl::Time deadline) {
  const sync::Alarm again(deadline + kTimerGrace,
                          [&] { grpc::experimental::ChannelResetConnectionBackoff(channel.get()); });
  return channel->WaitForConnected(DeadlineOf(deadline));
}

}  // namespace gofarm::rpc
