#include "common/sync/signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>

#include "common/base/check.h"
#include "common/sync/wait.h"

namespace gofarm::sync {
namespace {

sigset_t StopSet() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

StopSignals::StopSignals(Second second) {
  const sigset_t set = StopSet();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  const int signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
  wake_fd_ = eventfd(0, EFD_CLOEXEC);
  GOFARM_CHECK(signal_fd >= 0 && wake_fd_ >= 0);
  thread_ = std::thread([this, signal_fd, polite = second == Second::kHurries ? 2 : 1] {
    int signals = 0;
    while (true) {
      pollfd fds[2] = {{signal_fd, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
      if (poll(fds, 2, -1) < 0) continue;
      if ((fds[1].revents & POLLIN) != 0) break;
      signalfd_siginfo info;
      if (read(signal_fd, &info, sizeof info) != sizeof info) continue;
      if (++signals > polite) _exit(130);
      (signals == 1 ? source_ : hurry_).request_stop();
    }
    close(signal_fd);
  });
}

StopSignals::~StopSignals() {
  const uint64_t one = 1;
  GOFARM_CHECK(write(wake_fd_, &one, sizeof one) == sizeof one);
  thread_.join();
  close(wake_fd_);
}

void StopSignals::Wait() { WaitForStop(source_.get_token()); }

void StopSignals::RequestStop() { source_.request_stop(); }

}  // namespace gofarm::sync
