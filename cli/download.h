// Executables from the farm to files of the caller: into a temporary file beside the target, checked against the
// digest, then renamed, so that the target is never half a file. A cut stream goes on where it was. Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace gofarm::cli {

class FarmClient;

// DATA_LOSS when what came is not what the digest says.
absl::Status DownloadTo(FarmClient& client, const std::string& sha256, const std::string& path, int mode,
                        int64_t& size);

}  // namespace gofarm::cli
