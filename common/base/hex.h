// What counts as a digest in text: lower-case hex digits of a fixed number. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace gofarm {

inline constexpr size_t kSha256Digits = 64;  // of a BLAKE3 digest too

inline bool IsLowerHex(std::string_view text, size_t digits = kSha256Digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace gofarm
