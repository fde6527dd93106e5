#include "common/io/file_body.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/status.h"
#include "common/base/text.h"

namespace gofarm::io {

absl::StatusOr<FileBody> FileBody::Open(const std::string& path) {
  // A fifo of that name would hold up the caller for ever.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return ErrnoStatus(errno, Cat("open ", path));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, Cat("stat ", path));
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError(Cat(path, " is no regular file"));
  return FileBody(std::move(fd), path, info.st_size);
}

absl::Status FileBody::Rewind() {
  at_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<size_t> FileBody::Read(char* out, size_t limit) {
  ssize_t n;
  do {
    n = ::pread(fd_.get(), out, limit, at_);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return ErrnoStatus(errno, Cat("read ", path_));
  at_ += n;
  return static_cast<size_t>(n);
}

}  // namespace gofarm::io
