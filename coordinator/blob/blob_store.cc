#include "coordinator/blob/blob_store.h"

#include <unistd.h>

namespace gofarm::blob {

bool IsDigest(std::string_view sha256) {
  return sha256.size() == 64 && sha256.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

FileOps RealFileOps() {
  return FileOps{
      .pwrite = [](int fd, const char* data, size_t size, int64_t offset) -> int64_t {
        return ::pwrite(fd, data, size, offset);
      },
      .fsync = [](int fd) { return ::fsync(fd); },
  };
}

}  // namespace gofarm::blob
