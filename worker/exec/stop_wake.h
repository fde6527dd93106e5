// A stop token as something to poll: readable once stop was requested. Lives on the stack of the call that polls.
#pragma once

#include <stop_token>

#include "worker/exec/fd.h"

namespace gofarm::exec {

class StopWake {
 public:
  explicit StopWake(std::stop_token stop);
  int fd() const { return event_.get(); }

 private:
  struct Ring {
    int fd;
    void operator()() const;
  };
  UniqueFd event_;
  std::stop_callback<Ring> callback_;  // last: its destructor waits for a running call, then the event may go
};

}  // namespace gofarm::exec
