#include "coordinator/data_dir.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"

namespace gofarm::coordinator {
namespace {

constexpr int64_t kIdBytes = 32;  // as text

bool IsId(const std::string& text) {
  return text.size() == kIdBytes && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

absl::StatusOr<std::string> NewId() {
  unsigned char bytes[kIdBytes / 2];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return ErrnoStatus(errno, "read random bytes");
  std::string id;
  for (const unsigned char b : bytes) {
    id += "0123456789abcdef"[b >> 4];
    id += "0123456789abcdef"[b & 15];
  }
  return id;
}

}  // namespace

absl::Status DataDir::Prepare() {
  const absl::StatusOr<bool> own = io::MakePrivateFolder(path_, {"lock", "coordinator_id"});
  if (!own.ok()) return Annotate(own.status(), "data_dir");
  if (!*own) obs::Warn("folder_is_open_to_others", {{"data_dir", path_}});
  return absl::OkStatus();
}

absl::StatusOr<std::string> DataDir::Hold() {
  if (!lock_) {
    absl::StatusOr<io::FileLock> lock = io::FileLock::TryAcquire(Cat(path_, "/lock"));
    if (absl::IsUnavailable(lock.status())) {
      return absl::UnavailableError(Cat("another coordinator uses data_dir ", path_));
    }
    if (!lock.ok()) return Annotate(lock.status(), "data_dir");
    lock_.emplace(*std::move(lock));
  }
  const std::string file = Cat(path_, "/coordinator_id");
  absl::StatusOr<std::string> id = io::ReadFile(file, kIdBytes);
  if (!id.ok() || !IsId(*id)) {
    GOFARM_ASSIGN_OR_RETURN(id, NewId());
    GOFARM_RETURN_IF_ERROR_CTX(io::WriteFileAtomic(file, *id), "data_dir");
  }
  struct stat st {};
  if (::stat(file.c_str(), &st) != 0) return ErrnoStatus(errno, Cat("stat ", file));
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  return Cat(*id, " inode ", st.st_ino, " on ", host);
}

}  // namespace gofarm::coordinator
