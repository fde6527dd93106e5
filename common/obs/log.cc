#include "common/obs/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "common/base/clock.h"
#include "common/base/text.h"

namespace gofarm::obs {
namespace {

std::shared_ptr<spdlog::logger> MakeLogger(std::string_view program, const std::string& file) {
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
  }
  auto logger = std::make_shared<spdlog::logger>(std::string(program), std::move(sink));
  logger->set_pattern("time=%Y-%m-%dT%H:%M:%S.%fZ program=%n pid=%P %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::info);
  logger->flush_on(spdlog::level::info);
  return logger;
}

// Swapped by InitLog before threads start; spdlog's own registry is not used, so that no global name clashes.
std::shared_ptr<spdlog::logger>& Logger() {
  static std::shared_ptr<spdlog::logger> logger = MakeLogger("gofarm", "");
  return logger;
}

spdlog::level::level_enum SpdLevel(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
  }
  return "error";
}

bool NeedsQuotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    if (c == ' ' || c == '"' || c == '=' || c == '\\') return true;
  }
  return false;
}

}  // namespace

void InitLog(std::string_view program, Level lowest, const std::string& file) {
  Logger() = MakeLogger(program, file);
  Logger()->set_level(SpdLevel(lowest));
}

bool ParseLevel(std::string_view text, Level& level) {
  for (const Level l : {Level::kDebug, Level::kInfo, Level::kWarn, Level::kError}) {
    if (LevelName(l) == text) {
      level = l;
      return true;
    }
  }
  return false;
}

std::string FormatLine(Level level, std::string_view event, std::initializer_list<Field> fields) {
  std::string line = Cat("level=", LevelName(level), " event=", event);
  for (const auto& [key, raw] : fields) {
    const std::string value = Clip(EscapeForPrint(raw), kLogValueMax);
    if (NeedsQuotes(value)) {
      line += Cat(" ", key, "=\"");
      for (const char c : value) {
        if (c == '"' || c == '\\') line += '\\';
        line += c;
      }
      line += '"';
    } else {
      line += Cat(" ", key, "=", value);
    }
  }
  return line;
}

void Log(Level level, std::string_view event, std::initializer_list<Field> fields) {
  spdlog::logger& logger = *Logger();
  if (!logger.should_log(SpdLevel(level))) return;
  logger.log(SpdLevel(level), spdlog::string_view_t(FormatLine(level, event, fields)));
}

bool RateLimit::Pass() {
  const int64_t now = absl::ToUnixNanos(WallNow());
  int64_t next = next_nanos_.load(std::memory_order_relaxed);
  return now >= next && next_nanos_.compare_exchange_strong(next, now + absl::ToInt64Nanoseconds(interval_));
}

}  // namespace gofarm::obs
