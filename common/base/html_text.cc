#include "common/base/html_text.h"

#include <cstddef>
#include <cstdint>

#include "common/base/utf8.h"

namespace gofarm {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

bool IsNoncharacter(uint32_t rune) { return (rune >= 0xFDD0 && rune <= 0xFDEF) || (rune & 0xFFFE) == 0xFFFE; }

// Empty: it stands for itself.
std::string_view ReferenceOf(uint32_t rune) {
  switch (rune) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

std::string Visible(std::string_view text, bool references) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (size_t i = 0; i < text.size();) {
    uint32_t rune = 0;
    const size_t length = Utf8Length(text, i, rune);
    if (length == 0) {
      out += kReplacement;
      ++i;
      continue;
    }
    const bool line_end = rune == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    const std::string_view reference = references ? ReferenceOf(rune) : std::string_view();
    if (!reference.empty()) {
      out += reference;
    } else if (rune == '\n' || rune == '\t') {
      out += static_cast<char>(rune);
    } else if (line_end) {
      // Goes with the newline.
    } else if (IsControlRune(rune) || IsNoncharacter(rune)) {
      out += kReplacement;
    } else {
      out.append(text.substr(i, length));
    }
    i += length;
  }
  return out;
}

}  // namespace

std::string EscapeHtml(std::string_view text) { return Visible(text, /*references=*/true); }
std::string VisibleText(std::string_view text) { return Visible(text, /*references=*/false); }

}  // namespace gofarm
