#include "common/base/utf8.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace gofarm {
namespace {

struct Range {
  uint32_t first;
  uint32_t last;
};

template <size_t N>
bool Holds(const std::array<Range, N>& ranges, uint32_t rune) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), rune,
                                      [](uint32_t r, const Range& range) { return r < range.first; });
  return after != ranges.begin() && rune <= std::prev(after)->last;
}

constexpr std::array<Range, 14> kControls = {{{0x00, 0x1F},
                                              {0x7F, 0x9F},
                                              {0x061C, 0x061C},
                                              {0x180E, 0x180E},
                                              {0x200B, 0x200B},
                                              {0x200E, 0x200F},
                                              {0x2028, 0x202E},
                                              {0x2060, 0x2064},
                                              {0x2066, 0x206F},
                                              {0xFEFF, 0xFEFF},
                                              {0xFFF9, 0xFFFB},
                                              {0x1D173, 0x1D17A},
                                              {0xE0001, 0xE0001},
                                              {0xE0020, 0xE007F}}};

// The combining blocks, joiners and variation selectors. Scripts with marks of their own are left out: at worst a line
// is taken for wider than it is.
constexpr std::array<Range, 7> kMarks = {{{0x0300, 0x036F},
                                          {0x1AB0, 0x1AFF},
                                          {0x1DC0, 0x1DFF},
                                          {0x200C, 0x200D},
                                          {0x20D0, 0x20FF},
                                          {0xFE00, 0xFE0F},
                                          {0xFE20, 0xFE2F}}};

// East Asian Width W and F, by blocks.
constexpr std::array<Range, 13> kWide = {{{0x1100, 0x115F},
                                          {0x231A, 0x231B},
                                          {0x23E9, 0x23F3},
                                          {0x25FD, 0x25FE},
                                          {0x2614, 0x2615},
                                          {0x2E80, 0x303E},
                                          {0x3041, 0xA4CF},
                                          {0xA960, 0xA97C},
                                          {0xAC00, 0xD7A3},
                                          {0xF900, 0xFAFF},
                                          {0xFE30, 0xFE6F},
                                          {0xFF00, 0xFF60},
                                          {0x1F300, 0x1FAFF}}};

}  // namespace

size_t Utf8Length(std::string_view text, size_t i, uint32_t& rune) {
  const auto byte = [&](size_t k) { return static_cast<uint8_t>(text[i + k]); };
  const uint8_t first = byte(0);
  size_t n = 0;
  if (first < 0x80) {
    rune = first;
    return 1;
  }
  if (first >= 0xC2 && first < 0xE0) {
    n = 2;
    rune = first & 0x1F;
  } else if (first >= 0xE0 && first < 0xF0) {
    n = 3;
    rune = first & 0x0F;
  } else if (first >= 0xF0 && first < 0xF5) {
    n = 4;
    rune = first & 0x07;
  } else {
    return 0;
  }
  if (i + n > text.size()) return 0;
  for (size_t k = 1; k < n; ++k) {
    if ((byte(k) & 0xC0) != 0x80) return 0;
    rune = (rune << 6) | (byte(k) & 0x3F);
  }
  if ((n == 3 && rune < 0x800) || (n == 4 && rune < 0x10000) || rune > 0x10FFFF || (rune >= 0xD800 && rune < 0xE000)) {
    return 0;
  }
  return n;
}

bool IsControlRune(uint32_t rune) {
  if (rune >= 0x20 && rune < 0x7F) return false;
  return Holds(kControls, rune);
}

int RuneColumns(uint32_t rune) {
  if (rune < 0x0300) return 1;
  if (Holds(kMarks, rune)) return 0;
  // Planes 2 and 3 are ideographs throughout.
  return Holds(kWide, rune) || (rune >= 0xFFE0 && rune <= 0xFFE6) || (rune >= 0x20000 && rune <= 0x3FFFD) ? 2 : 1;
}

}  // namespace gofarm
