#include "common/gomod/go_text.h"

#include "common/base/utf8.h"

namespace gofarm::gomod {
namespace {

// Bytes of the space at text[i], 0 when there is none.
size_t SpaceLength(std::string_view text, size_t i) {
  uint32_t rune = 0;
  const size_t length = Utf8Length(text, i, rune);
  return length > 0 && IsGoSpace(rune) ? length : 0;
}

}  // namespace

bool IsGoSpace(uint32_t rune) {
  return rune == ' ' || (rune >= '\t' && rune <= '\r') || rune == 0x85 || rune == 0xA0 || rune == 0x1680 ||
         (rune >= 0x2000 && rune <= 0x200A) || rune == 0x2028 || rune == 0x2029 || rune == 0x202F || rune == 0x205F ||
         rune == 0x3000;
}

bool IsGoLetter(uint32_t rune) {
  if (rune < 0x80) return (rune >= 'a' && rune <= 'z') || (rune >= 'A' && rune <= 'Z') || rune == '_';
  if (rune < 0xC0) return rune == 0xAA || rune == 0xB5 || rune == 0xBA;
  if (rune == 0xD7 || rune == 0xF7 || IsGoSpace(rune) || IsGoDigit(rune)) return false;
  const bool symbol = (rune >= 0x2000 && rune <= 0x2BFF) || (rune >= 0x3000 && rune <= 0x3004) ||
                      (rune >= 0x3008 && rune <= 0x3020) || (rune >= 0xE000 && rune <= 0xF8FF) ||
                      (rune >= 0xFE00 && rune <= 0xFE6F) || (rune >= 0xFF00 && rune <= 0xFF20) ||
                      (rune >= 0xFFF0 && rune <= 0xFFFF) || (rune >= 0x1F000 && rune <= 0x1FAFF) || rune >= 0xE0000;
  return !symbol;
}

bool IsGoDigit(uint32_t rune) {
  return (rune >= '0' && rune <= '9') || (rune >= 0x660 && rune <= 0x669) || (rune >= 0x6F0 && rune <= 0x6F9) ||
         (rune >= 0x966 && rune <= 0x96F) || (rune >= 0xFF10 && rune <= 0xFF19);
}

std::string_view TrimGoSpace(std::string_view text) {
  while (!text.empty()) {
    const size_t length = SpaceLength(text, 0);
    if (length == 0) break;
    text.remove_prefix(length);
  }
  while (!text.empty()) {
    size_t start = text.size() - 1;
    while (start > 0 && text.size() - start < 4 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    const size_t length = SpaceLength(text, start);
    if (length == 0 || start + length != text.size()) break;
    text.remove_suffix(length);
  }
  return text;
}

std::vector<std::string_view> GoFields(std::string_view text) {
  std::vector<std::string_view> fields;
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t length = SpaceLength(text, i);
    if (length == 0) {
      ++i;
      continue;
    }
    if (i > begin) fields.push_back(text.substr(begin, i - begin));
    i += length;
    begin = i;
  }
  if (begin < text.size()) fields.push_back(text.substr(begin));
  return fields;
}

}  // namespace gofarm::gomod
