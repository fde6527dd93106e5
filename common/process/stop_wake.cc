#include "common/process/stop_wake.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace gofarm::process {

StopWake::StopWake(std::stop_token stop)
    : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), callback_(std::move(stop), Ring{event_.get()}) {}

void StopWake::Ring::operator()() const {
  const uint64_t one = 1;
  ssize_t ignored = write(fd, &one, sizeof one);
  (void)ignored;
}

int PollTimeout(absl::Duration wait) {
  const absl::Duration bounded = std::clamp(wait, absl::ZeroDuration(), absl::Hours(1));
  return static_cast<int>(absl::ToInt64Milliseconds(bounded)) + 1;
}

}  // namespace gofarm::process
