// Unpacks zip, wheel and tar (gzip, xz, zstd) files from outside into a folder, within limits. The only home of
// libarchive. Nothing is written outside the folder: absolute names, `..`, and links that lead out are refused, and
// files are opened below an open folder without following links. A failed extraction may leave a part behind: unpack
// into a temporary folder and rename it. Thread-safe: no state.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"

namespace gofarm::io {

struct ExtractOptions {
  int64_t entries_max = 200'000;
  int64_t bytes_max = int64_t{2} << 30;  // sum of what is written, whatever the headers claim
  // Only entries below this folder of the archive, without it in front ("ziglang" or "module@v1.0.0"); others are
  // skipped. Must be found at least once when not empty.
  std::string strip_prefix;
  // Called after every entry and every few megabytes with the bytes written so far.
  std::function<void(int64_t bytes)> progress;
};

struct Extracted {
  int64_t entries = 0;
  int64_t bytes = 0;
};

// `folder` must exist. Files get mode 0644 or 0755 (any execute bit of the archive), folders 0755. Two entries of one
// name are refused, and so are devices, sockets and fifos. INVALID_ARGUMENT: hostile or damaged archive;
// RESOURCE_EXHAUSTED: a limit of the options or a full disk (the message says which); CANCELLED and DEADLINE_EXCEEDED
// by the scope.
absl::StatusOr<Extracted> ExtractArchive(const Scope& scope, const std::string& archive, const std::string& folder,
                                         const ExtractOptions& options = {});

}  // namespace gofarm::io
