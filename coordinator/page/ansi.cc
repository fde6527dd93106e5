#include "coordinator/page/ansi.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/html_text.h"
#include "common/base/text.h"

namespace gofarm::page {
namespace {

constexpr char kEscape = '\x1b';
constexpr std::string_view kWrittenSgr = "\\x1b[";
constexpr std::string_view kMayBegin = "\x1b\\";
constexpr std::array<std::string_view, 8> kColors = {"black", "red",     "green", "yellow",
                                                     "blue",  "magenta", "cyan",  "white"};

// How long the sequence is that begins with the escape character at the start of `text`. `parameters`: of an SGR.
size_t SequenceLength(std::string_view text, std::optional<std::string_view>& parameters) {
  if (text.size() < 2) return text.size();
  const auto in = [](char c, char first, char last) { return c >= first && c <= last; };
  size_t at = 2;
  switch (text[1]) {
    case '[': {
      while (at < text.size() && at < kControlStringMax && in(text[at], '\x20', '\x3f')) ++at;
      if (at == text.size() || !in(text[at], '\x40', '\x7e')) return at;
      if (text[at] == 'm') parameters = text.substr(2, at - 2);
      return at + 1;
    }
    case ']':  // operating system command, and the strings of devices and applications
    case 'P':
    case 'X':
    case '^':
    case '_':
      for (; at < text.size() && at < kControlStringMax; ++at) {
        if (text[at] == '\a') return at + 1;
        if (text[at] == '\n') break;
        if (text[at] == kEscape) {
          if (at + 1 < text.size() && text[at + 1] == '\\') return at + 2;
          break;  // another sequence: each byte is looked at for one string only
        }
      }
      return 2;
    default:
      while (at < text.size() && in(text[at - 1], '\x20', '\x2f')) ++at;
      return in(text[1], '\x20', '\x7e') ? at : 1;
  }
}

// Of an SGR whose escape character stands there as the four letters that EscapeForPrint makes of it; 0: it is none.
size_t WrittenSgrLength(std::string_view text, std::optional<std::string_view>& parameters) {
  if (text.substr(0, kWrittenSgr.size()) != kWrittenSgr) return 0;
  const size_t end = text.find_first_not_of("0123456789;:", kWrittenSgr.size());
  if (end == std::string_view::npos || text[end] != 'm') return 0;
  parameters = text.substr(kWrittenSgr.size(), end - kWrittenSgr.size());
  return end + 1;
}

}  // namespace

void AnsiReader::Apply(std::string_view parameters) {
  const std::vector<absl::string_view> codes = absl::StrSplit(Av(parameters), absl::ByAnyChar(";:"));
  for (size_t i = 0; i < codes.size(); ++i) {
    int code = 0;
    if (!codes[i].empty() && !absl::SimpleAtoi(codes[i], &code)) continue;
    if (code == 0) {
      *this = AnsiReader();
    } else if (code == 1) {
      bold_ = true;
    } else if (code == 2) {
      faint_ = true;
    } else if (code == 3) {
      italic_ = true;
    } else if (code == 4) {
      underlined_ = true;
    } else if (code == 22) {
      bold_ = faint_ = false;
    } else if (code == 23) {
      italic_ = false;
    } else if (code == 24) {
      underlined_ = false;
    } else if (code >= 30 && code <= 37) {
      color_ = code - 30;
    } else if (code == 39) {
      color_ = -1;
    } else if (code >= 90 && code <= 97) {
      color_ = code - 90 + 8;
    } else if (code == 38 || code == 48) {
      // A colour by its number, or by red, green and blue, which no class has.
      int kind = 0, number = -1;
      if (i + 1 < codes.size()) (void)absl::SimpleAtoi(codes[i + 1], &kind);
      if (kind == 5 && i + 2 < codes.size()) (void)absl::SimpleAtoi(codes[i + 2], &number);
      if (code == 38 && kind == 5 && number >= 0) color_ = number < 16 ? number : -1;
      i += kind == 5 ? 2 : kind == 2 ? 4 : 0;
    }
  }
}

std::string AnsiReader::Classes() const {
  std::string classes;
  const auto add = [&](std::string_view name) { classes += Cat(classes.empty() ? "" : " ", name); };
  if (color_ >= 0) add(kColors[static_cast<size_t>(color_ % 8)]);
  if (bold_ || color_ >= 8) add("bold");
  if (faint_) add("faint");
  if (italic_) add("italic");
  if (underlined_) add("underlined");
  return classes;
}

std::vector<LogRun> AnsiReader::Read(std::string_view text) {
  std::vector<LogRun> runs;
  const auto add = [&](std::string_view plain) {
    if (plain.empty()) return;
    std::string classes = Classes();
    if (runs.empty() || runs.back().classes != classes) runs.push_back({std::move(classes), ""});
    runs.back().text += VisibleText(plain);
  };
  while (!text.empty()) {
    const size_t begin = std::min(text.find_first_of(kMayBegin), text.size());
    add(text.substr(0, begin));
    text.remove_prefix(begin);
    if (text.empty()) break;
    std::optional<std::string_view> parameters;
    size_t length = text.front() == kEscape ? SequenceLength(text, parameters) : WrittenSgrLength(text, parameters);
    if (length == 0) {
      length = 1;  // a backslash
      add(text.substr(0, length));
    }
    if (parameters) Apply(*parameters);
    text.remove_prefix(length);
  }
  return runs;
}

}  // namespace gofarm::page
