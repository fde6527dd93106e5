#include "common/process/limits.h"

#include <sys/resource.h>

#include <algorithm>
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

absl::Status ForbidCoreDumps() {
  constexpr rlim_t kNone = 1;
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) != 0) return ErrnoStatus(errno, "read the limit of core dumps");
  limit.rlim_cur = limit.rlim_max = std::min(limit.rlim_max, kNone);
  if (::setrlimit(RLIMIT_CORE, &limit) != 0) return ErrnoStatus(errno, "forbid core dumps");
  return absl::OkStatus();
}

}  // namespace gofarm::process
