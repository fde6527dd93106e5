// Bytes that may be gzip or zstd, undone as they come: which it is stands in their first bytes, and everything else
// passes as it is. Bounded in memory whatever the input says of itself. Homes of zlib and libzstd. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace gofarm::io {

inline constexpr int kZstdWindowLogMax = 27;  // 128 MiB, what zstd itself takes without being asked

class Decompressor {
 public:
  using Sink = std::function<absl::Status(std::string_view bytes)>;

  // `sink` gets what comes out, in pieces; its error ends all. `bytes_max`: how much may come out.
  Decompressor(Sink sink, int64_t bytes_max);
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  // INVALID_ARGUMENT: damaged; RESOURCE_EXHAUSTED: more than bytes_max.
  absl::Status Add(std::string_view bytes);
  // Nothing comes any more. INVALID_ARGUMENT: the end is missing.
  absl::Status Finish();

 private:
  class Format;
  class Plain;
  class Gzip;
  class Zstd;
  absl::Status Choose(bool all);
  absl::Status Emit(std::string_view bytes);

  const Sink sink_;
  const int64_t bytes_max_;
  int64_t bytes_ = 0;
  std::string head_;  // until it is known what it is
  std::unique_ptr<Format> format_;
};

}  // namespace gofarm::io
