#include "cli/request_id.h"

#include <sys/random.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/text.h"

namespace gofarm::cli {

std::string NewRequestId() {
  unsigned char bytes[16];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) {
    // Only has to differ from other requests of the same farm.
    const int64_t now = absl::ToUnixNanos(WallNow());
    return Cat("r", now, "-", getpid());
  }
  std::string id;
  for (const unsigned char b : bytes) {
    id += "0123456789abcdef"[b >> 4];
    id += "0123456789abcdef"[b & 15];
  }
  return id;
}

}  // namespace gofarm::cli
