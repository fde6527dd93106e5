#include "common/io/http_headers.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "common/base/text.h"

namespace gofarm::io {
namespace {

bool SameName(std::string_view a, std::string_view b) { return absl::EqualsIgnoreCase(Av(a), Av(b)); }

bool IsTokenChar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Digits only: no sign, no blank.
std::optional<int64_t> Number(std::string_view text) {
  int64_t value = 0;
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  if (!absl::SimpleAtoi(Av(text), &value)) return std::nullopt;
  return value;
}

}  // namespace

void HttpHeaders::Remove(std::string_view name) {
  fields_.erase(
      std::remove_if(fields_.begin(), fields_.end(), [&](const Field& field) { return SameName(field.first, name); }),
      fields_.end());
}

const std::string* HttpHeaders::Find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (SameName(field.first, name)) return &field.second;
  }
  return nullptr;
}

std::string_view HttpHeaders::Get(std::string_view name) const {
  const std::string* value = Find(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

absl::Status CheckHeaders(const HttpHeaders& headers) {
  for (const auto& [name, value] : headers.fields()) {
    if (name.empty() || !std::all_of(name.begin(), name.end(), &IsTokenChar)) {
      return absl::InvalidArgumentError(Cat("\"", Clip(EscapeForPrint(name), 100), "\" is no name of a header field"));
    }
    // The value may be a secret, so it is not shown.
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (std::any_of(value.begin(), value.end(), is_control)) {
      return absl::InvalidArgumentError(Cat("the value of header field ", name, " holds a control character"));
    }
  }
  return absl::OkStatus();
}

std::string RangeText(const ByteRange& range) {
  if (range.first < 0) return Cat(range.first);
  if (!range.length) return Cat(range.first, "-");
  return Cat(range.first, "-", range.first + std::max<int64_t>(*range.length, 1) - 1);
}

std::optional<ContentRange> ParseContentRange(std::string_view text) {
  absl::string_view rest = absl::StripAsciiWhitespace(Av(text));
  if (!absl::StartsWithIgnoreCase(rest, "bytes ")) return std::nullopt;
  const std::string_view numbers = Sv(rest.substr(6));
  const size_t dash = numbers.find('-');
  const size_t slash = numbers.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) return std::nullopt;
  const std::optional<int64_t> first = Number(numbers.substr(0, dash));
  const std::optional<int64_t> last = Number(numbers.substr(dash + 1, slash - dash - 1));
  if (!first || !last || *last < *first) return std::nullopt;
  ContentRange range{.first = *first, .last = *last};
  if (numbers.substr(slash + 1) != "*") {
    range.total = Number(numbers.substr(slash + 1));
    if (!range.total || *range.total <= *last) return std::nullopt;
  }
  return range;
}

std::optional<absl::Duration> ParseRetryAfter(std::string_view text, absl::Time now) {
  const std::string_view value = Sv(absl::StripAsciiWhitespace(Av(text)));
  if (value.empty()) return std::nullopt;
  if (value.find_first_not_of("0123456789") == std::string_view::npos) {
    const std::optional<int64_t> seconds = Number(value);
    // So many digits that they are no number: as late as can be.
    return seconds ? std::min(absl::Seconds(*seconds), kRetryAfterMax) : kRetryAfterMax;
  }
  absl::Time at;
  if (!absl::ParseTime("%a, %d %b %E4Y %H:%M:%S GMT", Av(value), &at, nullptr)) return std::nullopt;
  return std::clamp(at - now, absl::ZeroDuration(), kRetryAfterMax);
}

}  // namespace gofarm::io
