#include "common/base/text.h"

#include <cstdint>
#include <cstdio>

namespace gofarm {
namespace {

// Length of the well-formed UTF-8 sequence at `s[i]`, 0 when there is none.
size_t Utf8Length(std::string_view s, size_t i, uint32_t& rune) {
  const auto byte = [&](size_t k) { return static_cast<uint8_t>(s[i + k]); };
  const uint8_t b = byte(0);
  size_t n = 0;
  if (b < 0x80) {
    rune = b;
    return 1;
  }
  if (b >= 0xC2 && b < 0xE0) {
    n = 2;
    rune = b & 0x1F;
  } else if (b >= 0xE0 && b < 0xF0) {
    n = 3;
    rune = b & 0x0F;
  } else if (b >= 0xF0 && b < 0xF5) {
    n = 4;
    rune = b & 0x07;
  } else {
    return 0;
  }
  if (i + n > s.size()) return 0;
  for (size_t k = 1; k < n; ++k) {
    if ((byte(k) & 0xC0) != 0x80) return 0;
    rune = (rune << 6) | (byte(k) & 0x3F);
  }
  if ((n == 3 && rune < 0x800) || (n == 4 && rune < 0x10000) || rune > 0x10FFFF || (rune >= 0xD800 && rune < 0xE000)) {
    return 0;
  }
  return n;
}

// Direction overrides reorder what a reader sees; the zero-width ones hide text.
bool IsInvisibleControl(uint32_t rune) {
  return (rune >= 0x80 && rune < 0xA0) || (rune >= 0x202A && rune <= 0x202E) || (rune >= 0x2066 && rune <= 0x2069) ||
         rune == 0x200B || rune == 0x200E || rune == 0x200F || rune == 0x2028 || rune == 0x2029 || rune == 0xFEFF;
}

}  // namespace

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
    if ((rune < 0x20 && !kept) || rune == 0x7F || IsInvisibleControl(rune)) {
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

}  // namespace gofarm
