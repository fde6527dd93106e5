#include "coordinator/publish/public_log.h"

#include <algorithm>
#include <cstdint>

#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::publish {

absl::StatusOr<std::string> PublicLog(blob::LogStore& logs, AttemptToken token) {
  constexpr size_t kHalf = kPublicLogMax / 2;
  std::string head, tail;
  int64_t left_out = 0;
  for (int64_t at = 0;;) {
    GOFARM_ASSIGN_OR_RETURN(const blob::LogSlice slice, logs.Read(token, at, blob::kLogChunkMax));
    if (slice.data.empty() && slice.at_end) break;
    const std::string text = EscapeForPrint(slice.data, true);
    const size_t room = kHalf - std::min(kHalf, head.size());
    head += text.substr(0, room);
    if (text.size() > room) tail += text.substr(room);
    if (tail.size() > kHalf) {
      left_out += static_cast<int64_t>(tail.size() - kHalf);
      tail.erase(0, tail.size() - kHalf);
    }
    at = slice.next_offset;
    if (slice.at_end) break;
  }
  return left_out == 0 ? head + tail : Cat(head, "\n... ", left_out, " bytes left out ...\n", tail);
}

}  // namespace gofarm::publish
