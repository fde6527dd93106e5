#include "common/metrics/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/process/proc_fs.h"

namespace gofarm::metrics {
namespace {

double TicksToSeconds(int64_t ticks) {
  return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double StartTime(int64_t start_ticks) {
  const std::string uptime = process::ReadProcFile("/proc/uptime");
  if (uptime.empty()) return 0;
  const double age = std::strtod(uptime.c_str(), nullptr) - TicksToSeconds(start_ticks);
  return absl::ToDoubleSeconds(WallNow() - absl::UnixEpoch()) - age;
}

// Once: a wall clock that is set, and the rounding of each reading, must not look like a restart.
double KeptStartTime(int64_t start_ticks) {
  static const double kept = StartTime(start_ticks);
  return kept;
}

int64_t ResidentBytes() {
  const std::string text = process::ReadProcFile("/proc/self/statm");
  char* rest = nullptr;
  std::strtoll(text.c_str(), &rest, 10);  // the first number is the address space
  return rest == nullptr ? 0 : std::strtoll(rest, nullptr, 10) * ::sysconf(_SC_PAGESIZE);
}

}  // namespace

ProcessFigures ReadProcess() {
  ProcessFigures figures;
  if (const std::optional<process::ProcStat> stat = process::ReadProcStat(::getpid())) {
    figures.cpu_seconds = TicksToSeconds(stat->own_ticks);
    figures.start_time = KeptStartTime(stat->start_time);
  }
  figures.resident_bytes = ResidentBytes();
  figures.open_files = static_cast<int64_t>(process::NumbersIn("/proc/self/fd").size());
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.open_files_max = static_cast<int64_t>(limit.rlim_cur);
  return figures;
}

std::vector<Family> ProcessFamilies(const ProcessFigures& figures, const std::string& program,
                                    const std::string& version) {
  const auto one = [](std::string name, std::string help, Kind kind, double value, Labels labels = {}) {
    return Family{.name = std::move(name),
                  .help = std::move(help),
                  .kind = kind,
                  .series = {{.labels = std::move(labels), .value = value, .buckets = {}}}};
  };
  return {
      one("gofarm_build_info", "1, with the version of the program that serves this.", Kind::kGauge, 1,
          {{"program", program}, {"version", version}}),
      one("process_cpu_seconds_total", "User and system time that this process took.", Kind::kCounter,
          figures.cpu_seconds),
      one("process_resident_memory_bytes", "Memory of this process that is in RAM.", Kind::kGauge,
          static_cast<double>(figures.resident_bytes)),
      one("process_open_fds", "Files that this process has open.", Kind::kGauge,
          static_cast<double>(figures.open_files)),
      one("process_max_fds", "Files that this process may have open.", Kind::kGauge,
          static_cast<double>(figures.open_files_max)),
      one("process_start_time_seconds", "When this process began, in seconds since 1970.", Kind::kGauge,
          figures.start_time),
  };
}

}  // namespace gofarm::metrics
