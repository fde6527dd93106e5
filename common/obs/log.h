// One key=value line per event, for operators: `time=… level=info event=attempt_expired job=81 worker=worker-7`.
// Values are escaped and clipped (kLogValueMax), so text from outside cannot forge a line. Thread-safe; one write a
// line.
#pragma once

#include <atomic>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"

namespace gofarm::obs {

enum class Level { kDebug, kInfo, kWarn, kError };

using Field = std::pair<std::string_view, std::string>;

inline constexpr size_t kLogValueMax = 2048;

// Before InitLog lines go to stderr at level info. `file` empty: stderr.
void InitLog(std::string_view program, Level lowest, const std::string& file = "");
bool ParseLevel(std::string_view text, Level& level);

void Log(Level level, std::string_view event, std::initializer_list<Field> fields);
inline void Debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  Log(Level::kDebug, event, fields);
}
inline void Info(std::string_view event, std::initializer_list<Field> fields = {}) { Log(Level::kInfo, event, fields); }
inline void Warn(std::string_view event, std::initializer_list<Field> fields = {}) { Log(Level::kWarn, event, fields); }
inline void Error(std::string_view event, std::initializer_list<Field> fields = {}) {
  Log(Level::kError, event, fields);
}

// For loops: true at most once per `interval`. One object per place, usually a static local. Thread-safe.
class RateLimit {
 public:
  explicit RateLimit(absl::Duration interval) : interval_(interval) {}
  bool Pass();

 private:
  const absl::Duration interval_;
  std::atomic<int64_t> next_nanos_{0};
};

// The line as it would be written, without time and program: pure, for tests.
std::string FormatLine(Level level, std::string_view event, std::initializer_list<Field> fields);

}  // namespace gofarm::obs
