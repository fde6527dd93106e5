#include "worker/exec/stop_wake.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace gofarm::exec {

StopWake::StopWake(std::stop_token stop)
    : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), callback_(std::move(stop), Ring{event_.get()}) {}

void StopWake::Ring::operator()() const {
  const uint64_t one = 1;
  ssize_t ignored = write(fd, &one, sizeof one);
  (void)ignored;
}

}  // namespace gofarm::exec
