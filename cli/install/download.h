// One program over HTTP into a part file, checked against the digest and size that its signed index names. Blocks;
// thread-safe for different files.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cli/install/part_file.h"
#include "common/base/scope.h"
#include "common/io/http_client.h"

namespace gofarm::install {

inline constexpr int64_t kProgramBytesMax = int64_t{4} << 30;
inline constexpr int kFruitlessTries = 5;  // one after the other that brought nothing
inline constexpr absl::Duration kDownloadRetry = absl::Milliseconds(200);

struct Wanted {
  std::string url;
  std::string sha256;
  int64_t size = 0;
};
using Progress = std::function<void(int64_t done, int64_t total)>;

// Goes on where the file ends, also after the connection was cut. DATA_LOSS: what came is not what was signed; the part
// file is removed. UNAVAILABLE: the server does not answer, or does not have it; what came until then stays.
absl::Status Download(const Scope& scope, const io::HttpAsk& ask, const Wanted& wanted, const PartFile& part,
                      const Progress& progress);

}  // namespace gofarm::install
