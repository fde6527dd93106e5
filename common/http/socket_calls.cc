#include "common/http/socket_calls.h"

// Not <netinet/tcp.h>: its tcp_info ends before the field that is asked for, and the two do not go together.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "common/base/status.h"
#include "common/base/text.h"

namespace gofarm::http {
namespace {

// sendfile has no MSG_NOSIGNAL. Blocked, the signal of a client that left stays with this thread and ends with it.
bool BlockBrokenPipe() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGPIPE);
  return ::pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0;
}

}  // namespace

void TuneSocket(int socket) {
  const int on = 1;
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentBytesMax, sizeof kUnsentBytesMax);
}

absl::StatusOr<FileTurn> SendFilePart(int socket, const FilePart& part) {
  thread_local const bool quiet = BlockBrokenPipe();
  if (!quiet) return absl::InternalError("block SIGPIPE for a thread that sends files");
  FileTurn turn;
  const int64_t most = std::min(part.size, kFileTurnBytesMax);
  while (turn.sent < most) {
    off_t at = part.first + turn.sent;
    const ssize_t n = ::sendfile(socket, part.fd, &at, static_cast<size_t>(most - turn.sent));
    if (n > 0) {
      turn.sent += n;
    } else if (n == 0) {
      return absl::DataLossError("the file that is served is shorter than it was");
    } else if (errno == EAGAIN) {
      turn.blocked = true;
      break;
    } else if (errno == EPIPE || errno == ECONNRESET || errno == ETIMEDOUT) {
      return absl::UnavailableError("the client is gone");
    } else if (errno != EINTR) {
      return ErrnoStatus(errno, "send the file that is served");
    }
  }
  return turn;
}

bool IsInMemory(const FilePart& part) {
  // A file system that cannot tell refuses the flag.
  const auto there = [&part](int64_t at) {
    char byte = 0;
    const iovec one{.iov_base = &byte, .iov_len = 1};
    return ::preadv2(part.fd, &one, 1, at, RWF_NOWAIT) == 1;
  };
  return part.size > 0 && there(part.first) && there(part.first + std::min(part.size, kFileTurnBytesMax) - 1);
}

int64_t TakenBytes(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return -1;
  if (size < offsetof(tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked) return -1;
  return static_cast<int64_t>(info.tcpi_bytes_acked);
}

FromClient LookAtClient(int socket) {
  pollfd state = {.fd = socket, .events = POLLIN | POLLRDHUP, .revents = 0};
  if (::poll(&state, 1, 0) < 0) return FromClient::kNothing;
  if ((state.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0) return FromClient::kEnd;
  return (state.revents & POLLIN) != 0 ? FromClient::kUnread : FromClient::kNothing;
}

}  // namespace gofarm::http
