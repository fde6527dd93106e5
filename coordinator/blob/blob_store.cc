#include "coordinator/blob/blob_store.h"

#include <unistd.h>

#include "common/base/hex.h"

namespace gofarm::blob {

bool IsDigest(std::string_view sha256) { return IsLowerHex(sha256); }

FileOps RealFileOps() {
  return FileOps{
      .pwrite = [](int fd, const char* data, size_t size, int64_t offset) -> int64_t {
        return ::pwrite(fd, data, size, offset);
      },
      .fsync = [](int fd) { return ::fsync(fd); },
  };
}

}  // namespace gofarm::blob
