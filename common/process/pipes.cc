#include "common/process/pipes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/process/proc_fs.h"

namespace gofarm::process {
namespace {

// Children get their descriptors at 0 to 8: a source among these numbers would be overwritten before it is used.
constexpr int kLowestFd = 10;

absl::StatusOr<io::Fd> Lifted(int fd) {
  io::Fd owned(fd);
  if (fd >= kLowestFd) return owned;
  return CopyForChild(fd);
}

absl::StatusOr<PipeEnds> LiftedPair(int first, int second) {
  absl::StatusOr<io::Fd> a = Lifted(first);
  absl::StatusOr<io::Fd> b = Lifted(second);
  if (!a.ok()) return a.status();
  if (!b.ok()) return b.status();
  return PipeEnds{std::move(a).value(), std::move(b).value()};
}

}  // namespace

absl::StatusOr<PipeEnds> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "make a pipe");
  return LiftedPair(ends[0], ends[1]);
}

absl::StatusOr<PipeEnds> MakeSocketPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, "make a socket pair");
  }
  return LiftedPair(ends[0], ends[1]);
}

absl::StatusOr<io::Fd> MakeMemoryFile(std::string_view content) {
  const int raw = memfd_create("gofarm", MFD_CLOEXEC);
  if (raw < 0) return ErrnoStatus(errno, "make a memory file");
  GOFARM_ASSIGN_OR_RETURN(io::Fd fd, Lifted(raw));
  GOFARM_RETURN_IF_ERROR(io::WriteAll(fd.get(), content, "a memory file"));
  if (lseek(fd.get(), 0, SEEK_SET) != 0) return ErrnoStatus(errno, "rewind a memory file");
  return fd;
}

absl::StatusOr<io::Fd> OpenForChild(const std::string& path, int flags, int mode) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, static_cast<mode_t>(mode));
  if (fd < 0) return ErrnoStatus(errno, Cat("open ", path));
  return Lifted(fd);
}

absl::StatusOr<io::Fd> CopyForChild(int fd) {
  io::Fd high(fcntl(fd, F_DUPFD_CLOEXEC, kLowestFd));
  if (!high) return ErrnoStatus(errno, "duplicate a file descriptor");
  return high;
}

void SetNonBlocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

void CloseFrom(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, 0U) == 0) return;
#endif
  // Kernels before 5.9: one by one. The list also holds the descriptor it was read by, which is closed by now.
  for (const int fd : NumbersIn("/proc/self/fd")) {
    if (fd >= first) close(fd);
  }
}

}  // namespace gofarm::process
