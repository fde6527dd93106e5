#include "worker/exec/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "common/base/status.h"

namespace gofarm::exec {
namespace {

constexpr int kLowestFd = 10;

// Children get their descriptors at 0 to 5: a source among these numbers would be overwritten before it is used.
absl::StatusOr<UniqueFd> Lifted(int fd) {
  UniqueFd owned(fd);
  if (fd >= kLowestFd) return owned;
  UniqueFd high(fcntl(fd, F_DUPFD_CLOEXEC, kLowestFd));
  if (!high.valid()) return ErrnoStatus(errno, "duplicate a file descriptor");
  return high;
}

absl::StatusOr<PipeEnds> LiftedPair(int first, int second) {
  absl::StatusOr<UniqueFd> a = Lifted(first);
  absl::StatusOr<UniqueFd> b = Lifted(second);
  if (!a.ok()) return a.status();
  if (!b.ok()) return b.status();
  return PipeEnds{std::move(a).value(), std::move(b).value()};
}

}  // namespace

void UniqueFd::Reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

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

absl::StatusOr<UniqueFd> MakeMemoryFile(std::string_view content) {
  const int raw = memfd_create("gofarm", MFD_CLOEXEC);
  if (raw < 0) return ErrnoStatus(errno, "make a memory file");
  absl::StatusOr<UniqueFd> fd = Lifted(raw);
  if (!fd.ok()) return fd.status();
  if (absl::Status written = WriteAll(fd->get(), content); !written.ok()) return written;
  if (lseek(fd->get(), 0, SEEK_SET) != 0) return ErrnoStatus(errno, "rewind a memory file");
  return fd;
}

absl::Status WriteAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write");
    data.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAll(int fd, size_t limit) {
  std::string all;
  char buffer[16384];
  while (true) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read");
    if (n == 0) return all;
    if (all.size() + static_cast<size_t>(n) > limit) {
      return absl::ResourceExhaustedError("read: more than the limit");
    }
    all.append(buffer, static_cast<size_t>(n));
  }
}

void SetNonBlocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

void CloseFrom(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, 0U) == 0) return;
#endif
  // Kernels before 5.9: one by one, collected first since closing changes the folder that is read.
  std::vector<int> open_fds;
  if (DIR* folder = opendir("/proc/self/fd"); folder != nullptr) {
    while (const dirent* entry = readdir(folder)) {
      const int fd = atoi(entry->d_name);
      if (fd >= first && fd != dirfd(folder)) open_fds.push_back(fd);
    }
    closedir(folder);
  }
  for (const int fd : open_fds) close(fd);
}

std::string ReadProcFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return "";
  std::string all;
  char buffer[4096];
  while (all.size() < (64U << 10)) {
    const ssize_t n = read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    all.append(buffer, static_cast<size_t>(n));
  }
  return all;
}

}  // namespace gofarm::exec
