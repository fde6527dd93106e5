// Files made of several zstd frames one behind the other (RFC 8878, 3): each frame can be made and read alone, and any
// zstd client reads the whole. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace gofarm::io {

// What one frame may hold; more is refused both ways.
inline constexpr int64_t kZstdFrameBytesMax = int64_t{64} << 20;

// One frame of `bytes` with their number in its header and a checksum. The same bytes and level give the same frame
// with the same libzstd. RESOURCE_EXHAUSTED: more than kZstdFrameBytesMax, or no memory.
absl::StatusOr<std::string> ZstdFrame(std::string_view bytes, int level);

// Where a frame lies in its file, and where its content lies in what the whole file holds.
struct FramePlace {
  int64_t offset = 0, size = 0;
  int64_t content_offset = 0, content_size = 0;
};
// Of a file that ZstdFrame made piece by piece. INVALID_ARGUMENT: anything else, also a frame without its size.
absl::StatusOr<std::vector<FramePlace>> FindZstdFrames(std::string_view file);

// The content of one frame. INVALID_ARGUMENT: damaged, or more than kZstdFrameBytesMax.
absl::StatusOr<std::string> ExpandZstdFrame(std::string_view frame);

}  // namespace gofarm::io
