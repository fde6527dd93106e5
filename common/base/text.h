// Text that came from outside, made fit to be printed. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace gofarm {

// Debian's Abseil has a string_view of its own, which neither takes nor becomes a std::string_view. Ours is the
// standard one; these two cross the border, and Cat is absl::StrCat that also takes std::string_view.
inline absl::string_view Av(std::string_view s) { return absl::string_view(s.data(), s.size()); }
inline std::string_view Sv(absl::string_view s) { return std::string_view(s.data(), s.size()); }

namespace internal_text {
template <typename T>
decltype(auto) Crossed(const T& value) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return Av(value);
  } else {
    return (value);
  }
}
}  // namespace internal_text

template <typename... Args>
std::string Cat(const Args&... args) {
  return absl::StrCat(internal_text::Crossed(args)...);
}

// Control characters (but newline and tab when `keep_newlines`), DEL, C1 controls and broken UTF-8 become \xNN, so that
// a terminal or a log line shows them and obeys none.
std::string EscapeForPrint(std::string_view text, bool keep_newlines = false);

// At most `limit` bytes, cut at a UTF-8 border, with "..." at the end when something was cut.
std::string Clip(std::string_view text, size_t limit);

// Both: escaped, which makes a text up to four times as long, and then at most `limit` bytes.
std::string EscapeAndClip(std::string_view text, size_t limit, bool keep_newlines = false);

}  // namespace gofarm
