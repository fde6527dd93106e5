// A stop token as something to poll: readable once stop was requested. Lives on the stack of the call that polls.
#pragma once

#include <stop_token>

#include "absl/time/time.h"
#include "common/io/fd.h"

namespace gofarm::process {

class StopWake {
 public:
  explicit StopWake(std::stop_token stop);
  int fd() const { return event_.get(); }

 private:
  struct Ring {
    int fd;
    void operator()() const;
  };
  io::Fd event_;
  std::stop_callback<Ring> callback_;  // last: its destructor waits for a running call, then the event may go
};

// Until `wait` from now, as poll(2) wants it: rounded up, so that a deadline has passed when poll returns by it; at
// most an hour.
int PollTimeout(absl::Duration wait);

}  // namespace gofarm::process
