#include "common/base/clean_text.h"

#include <algorithm>
#include <cstdint>

#include "common/base/text.h"
#include "common/base/utf8.h"

namespace gofarm {
namespace {

// A word of such characters, which most texts consist of, is copied at once.
bool IsPlain(char c) { return c > ' ' && c < 0x7f; }

}  // namespace

std::string CleanText(std::string_view text, size_t limit) {
  std::string out;
  bool blank = false;
  // What is cut off later need not be read: a character of the source becomes no more than itself.
  for (size_t i = 0; i < text.size() && out.size() <= limit;) {
    if (IsPlain(text[i])) {
      size_t end = i + 1;
      while (end < text.size() && end - i <= limit && IsPlain(text[end])) ++end;
      if (blank && !out.empty()) out += ' ';
      blank = false;
      out.append(text.substr(i, end - i));
      i = end;
      continue;
    }
    uint32_t rune = 0;
    const size_t n = Utf8Length(text, i, rune);
    if (n == 0 || IsControlRune(rune) || rune == ' ') {
      blank = true;
    } else {
      if (blank && !out.empty()) out += ' ';
      blank = false;
      out.append(text.substr(i, n));
    }
    i += std::max<size_t>(n, 1);
  }
  return Clip(out, limit);
}

}  // namespace gofarm
