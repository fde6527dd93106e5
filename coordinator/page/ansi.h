// A log as runs of text, each with the classes of its colours. Follows ECMA-48 as far as builds use it: SGR (section
// 8.3.117) for the eight colours, their bright forms, bold, faint, italic and underlined; every other control sequence
// is left out, and no other control character has an effect. Workers store what a build prints with control characters
// written out, so an SGR counts in that form, too: "\x1b[31m" as eight letters. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gofarm::page {

inline constexpr size_t kControlStringMax = 4 << 10;  // a longer one is none: its text is shown

struct LogRun {
  std::string classes;  // "red bold"; empty: plain
  std::string text;     // as HTML shows it, without references
  bool operator==(const LogRun&) const = default;
};

// Keeps the colour from text to text.
class AnsiReader {
 public:
  // A text that ends within a sequence or a character has it cut: cut logs at line ends.
  std::vector<LogRun> Read(std::string_view text);

 private:
  void Apply(std::string_view parameters);
  std::string Classes() const;

  int color_ = -1;  // 0 to 7, 8 to 15 bright; -1: none
  bool bold_ = false, faint_ = false, italic_ = false, underlined_ = false;
};

}  // namespace gofarm::page
