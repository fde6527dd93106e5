#include "common/json/quote.h"

#include <cstdint>
#include <cstdio>

#include "common/base/utf8.h"

namespace gofarm {
namespace {

void AppendEscape(std::string& out, uint32_t unit) {
  char buffer[8];
  std::snprintf(buffer, sizeof buffer, "\\u%04x", unit & 0xFFFF);
  out += buffer;
}

// Most texts are nothing else: they are copied at once.
bool IsPlain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  for (size_t i = 0; i < text.size();) {
    size_t plain = i;
    while (plain < text.size() && IsPlain(text[plain])) ++plain;
    out.append(text.substr(i, plain - i));
    i = plain;
    if (i == text.size()) break;
    uint32_t rune = 0;
    const size_t length = Utf8Length(text, i, rune);
    if (length == 0) {
      out += "\\ufffd";
      ++i;
      continue;
    }
    if (rune == '"' || rune == '\\') {
      out += '\\';
      out += text[i];
    } else if (rune == '\n') {
      out += "\\n";
    } else if (rune == '\t') {
      out += "\\t";
    } else if (rune == '\r') {
      out += "\\r";
    } else if (IsControlRune(rune)) {
      // Documents are looked at on terminals too. Beyond 16 bits JSON writes two halves.
      if (rune > 0xFFFF) AppendEscape(out, 0xD7C0 + (rune >> 10));
      AppendEscape(out, rune > 0xFFFF ? 0xDC00 + (rune & 0x3FF) : rune);
    } else {
      out.append(text.substr(i, length));
    }
    i += length;
  }
  out += '"';
}

}  // namespace gofarm
