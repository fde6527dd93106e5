// Follows a batch until all its jobs ended and shows how it goes on `fd`: redrawn in place about five times a second on
// a terminal, plain lines elsewhere. Comes back by itself when the coordinator restarts. One thread reads the stream,
// the calling one draws.
#pragma once

#include <cstdint>
#include <stop_token>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gofarm::v1 {
class Batch;
}

namespace gofarm::cli {

class FarmClient;

// A coordinator may stay away this long before a watch gives up.
inline constexpr absl::Duration kWatchPatience = absl::Minutes(2);

enum class WatchEnd { kAllEnded, kDetached };

// `batch` is the last state seen. A stop (Ctrl-C) detaches; the batch goes on.
absl::StatusOr<WatchEnd> Watch(FarmClient& client, int64_t id, int fd, std::stop_token stop, v1::Batch& batch);

}  // namespace gofarm::cli
