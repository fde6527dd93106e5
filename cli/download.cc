#include "cli/download.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "cli/client.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"

namespace gofarm::cli {
namespace {

constexpr absl::Duration kDownloadDeadline = absl::Minutes(30);
constexpr absl::Duration kReadAgain = absl::Seconds(1);

// Removed unless it was renamed into place.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& beside) : path_(Cat(beside, ".gofarm-", getpid(), ".part")) {
    unlink(path_.c_str());
    fd_ = io::Fd(open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    error_ = fd_ ? 0 : errno;
  }
  ~TemporaryFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  absl::Status Opened() const { return error_ == 0 ? absl::OkStatus() : ErrnoStatus(error_, Cat("create ", path_)); }
  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }
  absl::Status MoveTo(const std::string& path, int mode) {
    if (fchmod(fd_.get(), static_cast<mode_t>(mode)) != 0 || fsync(fd_.get()) != 0) {
      return ErrnoStatus(errno, Cat("write ", path_));
    }
    if (rename(path_.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, Cat("rename ", path_, " to ", path));
    path_.clear();
    return absl::OkStatus();
  }

 private:
  std::string path_;
  io::Fd fd_;
  int error_ = 0;
};

}  // namespace

absl::Status DownloadTo(FarmClient& client, const std::string& sha256, const std::string& path, int mode,
                        int64_t& size) {
  // rename would put the file in the place of a device as well.
  if (struct stat info{}; lstat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) {
    return absl::InvalidArgumentError(Cat(EscapeForPrint(path), " is there and is no plain file; move it away"));
  }
  TemporaryFile file(path);
  GOFARM_RETURN_IF_ERROR(file.Opened());
  digest::Sha256 hash;
  int64_t offset = 0;
  absl::Time last_heard = SteadyNow();
  const Scope scope = Scope::For(kDownloadDeadline);
  while (true) {
    const absl::Status status = client.Download(scope, sha256, offset, [&](std::string_view data) {
      last_heard = SteadyNow();
      hash.Update(data);
      return io::WriteAll(file.fd(), data, file.path());
    });
    if (status.ok()) break;
    if (!absl::IsUnavailable(status) || SteadyNow() - last_heard > kRestartPatience || scope.Done()) {
      return absl::IsUnavailable(status) ? NoFarm(client.choice(), Sv(status.message())) : status;
    }
    client.AwaitFarm(scope.Within(kReadAgain));
  }
  const std::string got = hash.HexAndReset();
  if (got != sha256) {
    return absl::DataLossError(
        Cat("the farm sent ", offset, " bytes with SHA-256 ", got, " instead of ", sha256, "; nothing was written"));
  }
  size = offset;
  return file.MoveTo(path, mode);
}

}  // namespace gofarm::cli
