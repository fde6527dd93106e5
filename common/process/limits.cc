#include "common/process/limits.h"

#include <sys/resource.h>

#include <cerrno>

#include "common/base/status.h"

namespace gofarm::process {

absl::StatusOr<int64_t> RaiseOpenFilesLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return ErrnoStatus(errno, "read the limit of open files");
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return ErrnoStatus(errno, "raise the limit of open files");
  }
  return static_cast<int64_t>(limit.rlim_cur);
}

}  // namespace gofarm::process
