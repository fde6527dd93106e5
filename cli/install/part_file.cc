#include "cli/install/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/status.h"
#include "common/base/text.h"

namespace gofarm::install {
namespace {

// The one who had it before may have renamed it to its place, or removed it, while this one waited to open it.
bool IsStill(int fd, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  return fstat(fd, &opened) == 0 && lstat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

}  // namespace

absl::StatusOr<PartFile> PartFile::Open(const std::string& path) {
  while (true) {
    io::Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return ErrnoStatus(errno, Cat("create ", path));
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return ErrnoStatus(errno, Cat("lock ", path));
      return absl::UnavailableError(
          Cat("another gofarm downloads this program just now (", path, "); try again later"));
    }
    if (IsStill(fd.get(), path)) return PartFile(path, std::move(fd));
  }
}

absl::StatusOr<int64_t> PartFile::Size() const {
  struct stat info {};
  if (fstat(fd_.get(), &info) != 0) return ErrnoStatus(errno, Cat("look at ", path_));
  return static_cast<int64_t>(info.st_size);
}

absl::Status PartFile::Restart() const {
  if (ftruncate(fd_.get(), 0) == 0 && lseek(fd_.get(), 0, SEEK_SET) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, Cat("empty ", path_));
}

void PartFile::Remove() const { unlink(path_.c_str()); }

absl::Status PartFile::MoveTo(const std::string& path) {
  if (fchmod(fd_.get(), 0755) != 0) return ErrnoStatus(errno, Cat("make ", path_, " executable"));
  if (rename(path_.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, Cat("rename ", path_, " to ", path));
  fd_.Close();
  return absl::OkStatus();
}

}  // namespace gofarm::install
