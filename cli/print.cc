#include "cli/print.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/base/text.h"
#include "common/base/utf8.h"

namespace gofarm::cli {
namespace {

constexpr int kNarrowest = 8;  // a clippable column keeps at least this much
constexpr std::string_view kGap = "  ";
constexpr std::string_view kPlain = "\x1b[0m";
constexpr int kRowsUntold = 5;  // of a terminal that tells its columns alone

// The length of a colour's escape sequence at `i`, 0 when there is none. Only Paint writes them: foreign text is
// escaped.
size_t ColorLength(std::string_view text, size_t i) {
  if (text.substr(i, 2) != "\x1b[") return 0;
  const size_t end = text.find('m', i);
  return end == std::string_view::npos ? 0 : end + 1 - i;
}

// The character at `i`: its bytes, and the columns it takes.
std::pair<size_t, int> CharacterAt(std::string_view text, size_t i) {
  uint32_t rune = 0;
  const size_t length = Utf8Length(text, i, rune);
  return length == 0 ? std::pair<size_t, int>(1, 1) : std::pair<size_t, int>(length, RuneColumns(rune));
}

}  // namespace

Terminal DescribeTerminal(int fd) {
  Terminal terminal;
  terminal.is_terminal = isatty(fd) == 1;
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const term = std::getenv("TERM");
  terminal.redraws = terminal.is_terminal && term != nullptr && *term != '\0' && std::strcmp(term, "dumb") != 0;
  terminal.colors = terminal.redraws && (no_color == nullptr || *no_color == '\0');
  winsize size{};
  if (terminal.is_terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.columns = size.ws_col;
    terminal.rows = size.ws_row > 0 ? size.ws_row : kRowsUntold;
  }
  return terminal;
}

std::string Paint(const Terminal& terminal, Color color, std::string_view text) {
  if (!terminal.colors || color == Color::kNone || text.empty()) return std::string(text);
  std::string_view code;
  switch (color) {
    case Color::kGreen:
      code = "32";
      break;
    case Color::kYellow:
      code = "33";
      break;
    case Color::kRed:
      code = "31";
      break;
    case Color::kBlue:
      code = "34";
      break;
    case Color::kDim:
      code = "2";
      break;
    case Color::kBold:
      code = "1";
      break;
    case Color::kNone:
      break;
  }
  return Cat("\x1b[", code, "m", text, kPlain);
}

Color ColorOfState(std::string_view state) {
  if (state == "built" || state == "done" || state == "connected" || state == "ready") return Color::kGreen;
  if (state == "partial" || state == "lost" || state == "degraded" || state == "starting" || state == "paused") {
    return Color::kYellow;
  }
  if (state == "failed" || state == "cannot_isolate" || state == "down") return Color::kRed;
  if (state == "running" || state == "seeding") return Color::kBlue;
  if (state == "queued" || state == "cancelled" || state == "nothing_to_build" || state == "waiting")
    return Color::kDim;
  return Color::kNone;
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  for (size_t i = 0; i < text.size();) {
    if (const size_t color = ColorLength(text, i); color > 0) {
      i += color;
      continue;
    }
    const auto [bytes, columns] = CharacterAt(text, i);
    width += columns;
    i += bytes;
  }
  return width;
}

std::string ClipToWidth(std::string_view text, int width) {
  if (width <= 0) return "";
  if (DisplayWidth(text) <= width) return std::string(text);
  size_t end = 0;
  bool painted = false;
  for (int taken = 0; end < text.size();) {
    if (const size_t color = ColorLength(text, end); color > 0) {
      painted = text.substr(end, color) != kPlain;
      end += color;
      continue;
    }
    const auto [bytes, columns] = CharacterAt(text, end);
    if (taken + columns > width - 1) break;
    taken += columns;
    end += bytes;
  }
  return Cat(text.substr(0, end), "…", painted ? kPlain : "");
}

std::string ClipFrontToWidth(std::string_view text, int width) {
  if (width <= 0) return "";
  size_t begin = 0;
  for (int left = DisplayWidth(text); left > (begin == 0 ? width : width - 1);) {
    const auto [bytes, columns] = CharacterAt(text, begin);
    left -= columns;
    begin += bytes;
  }
  return begin == 0 ? std::string(text) : Cat("…", text.substr(begin));
}

void TableText::Add(std::vector<Cell> row) {
  for (Cell& cell : row) cell.text = EscapeForPrint(cell.text);
  row.resize(columns_.size(), Cell(""));
  rows_.push_back(std::move(row));
}

std::string TableText::Render(const Terminal& terminal) const {
  std::vector<int> widths;
  for (size_t c = 0; c < columns_.size(); ++c) {
    int width = DisplayWidth(columns_[c].header);
    for (const std::vector<Cell>& row : rows_) width = std::max(width, DisplayWidth(row[c].text));
    widths.push_back(width);
  }
  if (terminal.is_terminal) {
    int total = static_cast<int>(kGap.size() * (widths.size() - 1));
    for (const int width : widths) total += width;
    // The widest clippable column gives way, one step at a time, until all fits or none can.
    for (int excess = total - terminal.columns; excess > 0; --excess) {
      int widest = -1;
      for (size_t c = 0; c < widths.size(); ++c) {
        if (columns_[c].clippable && widths[c] > kNarrowest && (widest < 0 || widths[c] > widths[widest])) {
          widest = static_cast<int>(c);
        }
      }
      if (widest < 0) break;
      --widths[widest];
    }
  }
  std::string out;
  const auto line = [&](const auto& text_of, const auto& color_of) {
    for (size_t c = 0; c < columns_.size(); ++c) {
      const std::string text = ClipToWidth(text_of(c), widths[c]);
      const std::string fill(std::max(0, widths[c] - DisplayWidth(text)), ' ');
      if (c > 0) out += kGap;
      if (columns_[c].right) out += fill;
      out += Paint(terminal, color_of(c), text);
      if (!columns_[c].right && c + 1 < columns_.size()) out += fill;
    }
    out += '\n';
  };
  line([&](size_t c) -> std::string_view { return columns_[c].header; }, [](size_t) { return Color::kBold; });
  for (const std::vector<Cell>& row : rows_) {
    line([&](size_t c) -> std::string_view { return row[c].text; }, [&](size_t c) { return row[c].color; });
  }
  return out;
}

std::string HumanBytes(int64_t bytes) {
  if (bytes < 1024) return Cat(bytes, " B");
  double value = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB"}) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, value < 100 ? "%.1f %s" : "%.0f %s", value, unit);
  return buffer;
}

std::string MinuteStamp(absl::Time time) {
  if (time == absl::InfinitePast()) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M", time, absl::LocalTimeZone());
}

std::string HumanSeconds(double seconds) {
  char buffer[48];
  if (!(seconds > 0)) seconds = 0;
  if (seconds < 9.95) {
    std::snprintf(buffer, sizeof buffer, "%.1fs", seconds);
    return buffer;
  }
  const int64_t whole = std::llround(std::min(seconds, 1e9));
  if (whole < 60) {
    std::snprintf(buffer, sizeof buffer, "%ds", static_cast<int>(whole));
  } else if (whole < 3600) {
    std::snprintf(buffer, sizeof buffer, "%dm%02ds", static_cast<int>(whole / 60), static_cast<int>(whole % 60));
  } else {
    std::snprintf(buffer, sizeof buffer, "%lldh%02dm", static_cast<long long>(whole / 3600),
                  static_cast<int>(whole / 60 % 60));
  }
  return buffer;
}

}  // namespace gofarm::cli
