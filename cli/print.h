// What people read: tables, sizes, durations, colours. On a terminal a table is clipped to its width and coloured;
// piped it is the same table, plain and whole. All cells are escaped here, so callers pass what they got. Pure but for
// DescribeTerminal; no shared state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace gofarm::cli {

struct Terminal {
  bool is_terminal = false;
  bool colors = false;   // a terminal, NO_COLOR not set, TERM not dumb
  bool redraws = false;  // a terminal that moves its cursor: TERM set and not dumb
  int columns = 80;
  int rows = 24;
};
Terminal DescribeTerminal(int fd);

enum class Color { kNone, kGreen, kYellow, kRed, kBlue, kDim, kBold };
std::string Paint(const Terminal& terminal, Color color, std::string_view text);
// The colour of a job, attempt, batch, worker or farm state by its name.
Color ColorOfState(std::string_view state);

struct Column {
  std::string header;
  bool right = false;      // numbers
  bool clippable = false;  // gives way first when the terminal is too narrow
};
struct Cell {
  std::string text;
  Color color = Color::kNone;
  Cell(std::string t, Color c = Color::kNone) : text(std::move(t)), color(c) {}  // NOLINT: a text is a cell
  Cell(std::string_view t, Color c = Color::kNone) : text(t), color(c) {}        // NOLINT
  Cell(const char* t, Color c = Color::kNone) : text(t), color(c) {}             // NOLINT
};

class TableText {
 public:
  explicit TableText(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void Add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  std::string Render(const Terminal& terminal) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// Columns a text takes on a terminal. The colours of Paint take none.
int DisplayWidth(std::string_view text);
// At most `width` columns; what was cut ends in "…". The colours of Paint stay, and end with the text.
std::string ClipToWidth(std::string_view text, int width);
// The same for names whose end says more than their beginning: "…ushi/toml@v1.6.0".
std::string ClipFrontToWidth(std::string_view text, int width);

std::string HumanBytes(int64_t bytes);  // "812 B", "3.2 MiB"
// "2026-11-30 04:12" in local time; never: empty.
std::string MinuteStamp(absl::Time time);
std::string HumanSeconds(double seconds);  // "0.4s", "12s", "3m04s", "2h05m"

}  // namespace gofarm::cli
