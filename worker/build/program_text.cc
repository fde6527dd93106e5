#include "worker/build/program_text.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_replace.h"
#include "common/base/text.h"
#include "common/base/utf8.h"

namespace gofarm::build {
namespace {

constexpr char kEscape = '\x1b';
constexpr char kBell = '\a';
constexpr char kNoCharacter[] = "\xef\xbf\xbd";  // U+FFFD
constexpr uint32_t kC1Sequence = 0x9b, kC1Command = 0x9d, kC1Device = 0x90;

bool IsBetween(char c, char first, char last) { return c >= first && c <= last; }

// ECMA-48, 5.4: parameters and intermediates, then one final byte. `i` stands behind the introducer.
size_t EndOfSequence(std::string_view text, size_t i) {
  while (i < text.size() && IsBetween(text[i], 0x20, 0x3f)) ++i;
  return i < text.size() && IsBetween(text[i], 0x40, 0x7e) ? i + 1 : i;
}

// A command string ends with a bell or ESC \. One that never ends takes no more than its line.
size_t EndOfCommand(std::string_view text, size_t i) {
  for (; i < text.size() && text[i] != '\n'; ++i) {
    if (text[i] == kBell) return i + 1;
    if (text.substr(i, 2) == "\x1b\\") return i + 2;
    if (text.substr(i, 2) == "\xc2\x9c") return i + 2;
  }
  return i;
}

// `i` stands behind the ESC.
size_t EndOfEscape(std::string_view text, size_t i) {
  if (i == text.size()) return i;
  switch (text[i]) {
    case '[':
      return EndOfSequence(text, i + 1);
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
      return EndOfCommand(text, i + 1);
    default:
      break;
  }
  while (i < text.size() && IsBetween(text[i], 0x20, 0x2f)) ++i;
  return i < text.size() && IsBetween(text[i], 0x30, 0x7e) ? i + 1 : i;
}

void TrimLine(std::string& out) {
  while (!out.empty() && (out.back() == ' ' || out.back() == '\t')) out.pop_back();
}

void EndLine(std::string& out) {
  TrimLine(out);
  if (!out.empty()) out += '\n';
}

// The last character of the line.
void TakeBack(std::string& out) {
  if (out.empty() || out.back() == '\n') return;
  while (out.size() > 1 && (static_cast<uint8_t>(out.back()) & 0xC0) == 0x80) out.pop_back();
  out.pop_back();
}

}  // namespace

std::string ProgramText(std::string_view output, std::string_view path, std::string_view name, size_t bytes_max) {
  const std::string text = path.empty() ? std::string(output) : absl::StrReplaceAll(Av(output), {{Av(path), Av(name)}});
  std::string out;
  // What is trimmed later can only be blanks and newlines, and of these nobody wants more than the limit either.
  for (size_t i = 0; i < text.size() && out.size() <= bytes_max;) {
    uint32_t rune = 0;
    const size_t length = Utf8Length(text, i, rune);
    if (length == 0) {
      out += kNoCharacter;
      ++i;
      continue;
    }
    const std::string_view character = std::string_view(text).substr(i, length);
    i += length;
    if (rune == '\n') {
      EndLine(out);
    } else if (rune == '\r') {
      if (i == text.size() || text[i] != '\n') EndLine(out);
    } else if (rune == '\b') {
      TakeBack(out);
    } else if (rune == static_cast<uint32_t>(kEscape)) {
      i = EndOfEscape(text, i);
    } else if (rune == kC1Sequence) {
      i = EndOfSequence(text, i);
    } else if (rune == kC1Command || rune == kC1Device) {
      i = EndOfCommand(text, i);
    } else if (rune == '\t' || !IsControlRune(rune)) {
      out.append(character);
    }
  }
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ' || out.back() == '\t')) out.pop_back();
  return Clip(out, bytes_max);
}

}  // namespace gofarm::build
