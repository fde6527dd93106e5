// Bytes of a file of known size, read where they are wanted: a local file, or one behind HTTP by ranges. Used by one
// thread, though HTTP ranges are fetched side by side.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/scope.h"
#include "common/io/http_client.h"

namespace gofarm::godetect {

struct ByteSpan {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
};

class ByteReader {
 public:
  virtual ~ByteReader() = default;
  int64_t size() const { return size_; }
  // Makes these bytes ready, in one round where they are far away.
  virtual absl::Status Prepare(const Scope& scope, std::vector<ByteSpan> spans) = 0;
  // How many bytes that fetches.
  virtual int64_t BytesToFetch(std::vector<ByteSpan> /*spans*/) const { return 0; }
  // Of what was prepared. Within the file.
  virtual absl::StatusOr<std::string> At(ByteSpan span) const = 0;

 protected:
  int64_t size_ = 0;
};

absl::StatusOr<std::unique_ptr<ByteReader>> OpenLocalFile(const std::string& path);

// How a file behind HTTP is read. All figures: what a round trip costs beside the bytes.
struct RangeRules {
  int64_t file_bytes_max = int64_t{500} << 20;
  int64_t tail_bytes = 64 << 10;    // asked for first
  int64_t whole_below = 2 << 20;    // files up to this size are read whole
  int64_t join_gap = 8 << 10;       // ranges that lie nearer are one
  size_t ranges_max = 24;           // requests of one round; nearest ranges are joined until there are no more
  size_t at_once = 12;              // of them side by side
  int64_t spare_share = 40;         // a round may read one in so many bytes of the file only to save requests
  double whole_share = 0.6;         // when a round wants this share of what is not there yet: all of it
  int64_t memory_bytes = 64 << 20;  // beyond it the file is downloaded whole, to a temporary file
};

struct FetchStats {
  int64_t bytes = 0;  // of bodies
  int64_t requests = 0;
  int64_t rounds = 0;
  bool whole = false;
};

// Asks for the tail; a server that answers with the whole file gave the whole file. One that refuses the tail (416), or
// answers a later range with 200 or 416, is asked for the whole. Where a redirect led (to a signed URL that expires) is
// asked again first, then `url`. NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE by the HTTP status; INVALID_ARGUMENT: ranges
// that are not what was asked for, or a file that changed. All requests go through `ask`; `stats` (may be null) and
// what `ask` refers to outlive the reader.
absl::StatusOr<std::unique_ptr<ByteReader>> OpenHttpFile(const Scope& scope, io::HttpAsk ask, const std::string& url,
                                                         const io::HttpLimits& limits, const RangeRules& rules,
                                                         FetchStats* stats);

// What any other status means for a file of a module proxy: 404 and 410 NOT_FOUND, but for "fetch timed out"; 403 and
// 451 PERMISSION_DENIED; all else UNAVAILABLE. `what` was asked.
absl::Status StatusOfAnswer(const io::HttpResponse& response, const std::string& what);

// The joined spans of a round: sorted and disjoint. Besides what the rules say, the nearest are joined as long as no
// more than `spare` bytes are read for it. Pure.
std::vector<ByteSpan> JoinSpans(std::vector<ByteSpan> spans, const RangeRules& rules, int64_t spare = 0);

}  // namespace gofarm::godetect
