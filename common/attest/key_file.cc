#include "common/attest/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/fd.h"
#include "common/io/files.h"

namespace gofarm::attest {

absl::Status StoreKeyFile(const std::string& path, std::string_view pem) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  if (!folder.empty()) GOFARM_RETURN_IF_ERROR(io::MakeFolders(folder, 0700));
  // A link never replaces what is there, as a rename would.
  const std::string made = Cat(path, ".", static_cast<int>(getpid()), ".new");
  GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(made, pem, 0600));
  absl::Status status;
  if (link(made.c_str(), path.c_str()) != 0) status = ErrnoStatus(errno, Cat("make key file ", EscapeForPrint(path)));
  unlink(made.c_str());
  return status.ok() ? io::SyncFolder(folder.empty() ? "." : folder) : status;
}

absl::StatusOr<std::string> LoadKeyFile(const std::string& path) {
  const std::string shown = EscapeForPrint(path);
  // What is no plain file may let nobody wait.
  const io::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return ErrnoStatus(errno, Cat("open key file ", shown));
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, Cat("look at key file ", shown));
  if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError(Cat("key file ", shown, " is no plain file"));
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return absl::FailedPreconditionError(
        Cat("key file ", shown, " belongs to user ", info.st_uid, ": chown ", geteuid(), " ", shown));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(
        Cat("key file ", shown, " may be read or written by others: chmod 600 ", shown));
  }
  return io::ReadAll(fd.get(), kKeyFileBytesMax, shown);
}

}  // namespace gofarm::attest
