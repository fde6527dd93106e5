// HTTP header fields and the few of them that are read here, as values. Pure; no socket, no libcurl.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace gofarm::io {

// In the order they came; names are compared without case, as HTTP does.
class HttpHeaders {
 public:
  using Field = std::pair<std::string, std::string>;

  HttpHeaders() = default;
  HttpHeaders(std::initializer_list<Field> fields) : fields_(fields) {}

  void Add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  void Remove(std::string_view name);
  void Clear() { fields_.clear(); }
  // The first field of that name; null when there is none.
  const std::string* Find(std::string_view name) const;
  // The same, empty when there is none.
  std::string_view Get(std::string_view name) const;
  const std::vector<Field>& fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

// INVALID_ARGUMENT when a name is no token or a value holds a control character: neither may end a line of a request.
absl::Status CheckHeaders(const HttpHeaders& headers);

// A request for part of a body: `first` on, at most `length` bytes; or, with a negative `first`, the last -first bytes.
struct ByteRange {
  int64_t first = 0;
  std::optional<int64_t> length;
};
// As it stands after "bytes=": "0-99", "100-", "-500".
std::string RangeText(const ByteRange& range);

// Of "Content-Range: bytes 0-99/1234"; `total` is missing for "/*". Null when it is no such text or contradicts itself.
struct ContentRange {
  int64_t first = 0;
  int64_t last = 0;
  std::optional<int64_t> total;
};
std::optional<ContentRange> ParseContentRange(std::string_view text);

// Of Retry-After: seconds or an HTTP date, never negative, at most kRetryAfterMax. Null when it is neither.
inline constexpr absl::Duration kRetryAfterMax = absl::Hours(24);
std::optional<absl::Duration> ParseRetryAfter(std::string_view text, absl::Time now);

}  // namespace gofarm::io
