// How fast the messages of one peer are read: `burst` of them at once, and `per_second` over time. What is beyond that
// stays in the peer's own buffers, where gRPC's flow control holds it.
//
// The generic cell rate algorithm (ITU-T I.371): one time stamp in place of a bucket. Pure: the time is an argument.
// One thread.
#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace gofarm::rpc {

class MessagePace {
 public:
  MessagePace(int per_second, int burst) : each_(absl::Seconds(1) / per_second), room_(each_ * burst) {}

  // A message came at `now` (SteadyNow): how long to wait before the next is read. 0 while within the burst.
  absl::Duration After(absl::Time now) {
    due_ = std::max(due_, now) + each_;
    return std::max(absl::ZeroDuration(), due_ - now - room_);
  }

 private:
  const absl::Duration each_, room_;
  absl::Time due_ = absl::InfinitePast();  // when all that came would have been due at the even rate
};

}  // namespace gofarm::rpc
