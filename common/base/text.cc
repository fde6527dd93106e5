#include "common/base/text.h"

#include <cstdint>
#include <cstdio>

#include "common/base/utf8.h"

namespace gofarm {

std::string EscapeForPrint(std::string_view text, bool keep_newlines) {
  std::string out;
  out.reserve(text.size());
  const auto hex = [&](char c) {
    char buffer[8];
    std::snprintf(buffer, sizeof buffer, "\\x%02x", static_cast<uint8_t>(c));
    out += buffer;
  };
  for (size_t i = 0; i < text.size();) {
    uint32_t rune = 0;
    const size_t n = Utf8Length(text, i, rune);
    if (n == 0) {
      hex(text[i++]);
      continue;
    }
    const bool kept = keep_newlines && (rune == '\n' || rune == '\t');
    if (IsControlRune(rune) && !kept) {
      for (size_t k = 0; k < n; ++k) hex(text[i + k]);
    } else {
      out.append(text.substr(i, n));
    }
    i += n;
  }
  return out;
}

std::string Clip(std::string_view text, size_t limit) {
  if (text.size() <= limit) return std::string(text);
  size_t end = limit < 3 ? 0 : limit - 3;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

std::string EscapeAndClip(std::string_view text, size_t limit, bool keep_newlines) {
  // Escaping makes nothing shorter: what lies beyond is cut in any case. A character that is cut here is cut below too.
  constexpr size_t kLongestCharacter = 4;
  return Clip(EscapeForPrint(text.substr(0, limit + kLongestCharacter), keep_newlines), limit);
}

}  // namespace gofarm
