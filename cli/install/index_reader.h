// Asks an index over HTTP: only what its trusted keys signed comes back. Requests that do not need each other's answers
// run at the same time. Thread-safe.
//
// Errors: UNAVAILABLE: the index is not reachable, or it is none; DATA_LOSS: what came is not what was signed;
// CANCELLED and DEADLINE_EXCEEDED by the scope.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "cli/install/trust.h"
#include "common/base/scope.h"
#include "common/io/http_client.h"
#include "common/publish/lookup.h"

namespace gofarm::install {

inline constexpr int kSmallTries = 3;  // of one small file
inline constexpr absl::Duration kSmallRetry = absl::Milliseconds(150);
inline constexpr absl::Duration kRetryAfterMax = absl::Seconds(10);  // what a server asks for is waited for so long
inline constexpr absl::Duration kSmallDeadline = absl::Minutes(1);

// GET of at most `bytes_max` bytes, asked again after a failure that may pass. NOT_FOUND: 404 or 410.
absl::StatusOr<std::string> FetchSmall(const Scope& scope, const io::HttpAsk& ask, const std::string& url,
                                       int64_t bytes_max, bool fresh = false);

struct Snapshot {
  publish::KeyList keys;
  attest::MinisignPublicKey keys_signed_by{"", ""};
  std::vector<publish::LookupShard> shards;
  publish::Generation generation;  // the highest among the files
};

class IndexReader {
 public:
  IndexReader(io::HttpAsk ask, std::string url, Trust trust)
      : ask_(std::move(ask)), url_(std::move(url)), trust_(std::move(trust)) {}

  // The key list and these shards.
  absl::StatusOr<Snapshot> Read(const Scope& scope, absl::Span<const std::string> shards) const;

 private:
  struct SignedFile {
    std::string bytes;
    publish::Generation generation;
    attest::MinisignPublicKey key{"", ""};  // that signed it
  };
  absl::StatusOr<SignedFile> ReadFile(const Scope& scope, const std::string& name, int64_t bytes_max) const;

  const io::HttpAsk ask_;
  const std::string url_;
  const Trust trust_;
};

}  // namespace gofarm::install
