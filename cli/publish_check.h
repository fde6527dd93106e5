// `gofarm publish verify`: is what the farm says is published there for everybody, byte by byte? Which rows are looked
// at is a pure choice; the looking asks over HTTP as anybody would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/base/scope.h"
#include "common/io/http_client.h"

namespace gofarm::cli {

// `wanted` of `count` rows, evenly spaced from a start that `seed` chooses; all of them where there are no more. In
// order, each once.
std::vector<size_t> Sample(size_t count, size_t wanted, uint64_t seed);

// Where everybody fetches a file by its digest.
std::string PublishedUrl(std::string_view public_url, std::string_view sha256);

// OK: it has these bytes. NOT_FOUND: the server has no such file; DATA_LOSS: it has other bytes; UNAVAILABLE: it does
// not answer, or not with a file. No more than `size` bytes are read.
absl::Status CheckPublished(const Scope& scope, const io::HttpAsk& ask, const std::string& url,
                            const std::string& sha256, int64_t size);

}  // namespace gofarm::cli
