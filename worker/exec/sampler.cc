#include "worker/exec/sampler.h"

#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/process/proc_fs.h"

namespace gofarm::exec {

int64_t ResidentBytes(pid_t pid) {
  static const int64_t page = sysconf(_SC_PAGESIZE);
  const std::string memory = process::ReadProcFile(Cat("/proc/", pid, "/statm"));
  const std::vector<absl::string_view> fields = absl::StrSplit(memory, ' ');
  int64_t pages = 0;
  return fields.size() > 1 && absl::SimpleAtoi(fields[1], &pages) ? pages * page : 0;
}

TreeSample SampleTree(pid_t root) {
  static const double tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  TreeSample sample;
  int64_t ticks = 0;
  for (const pid_t pid : process::Descendants(root, kTreeMax)) {
    const std::optional<process::ProcStat> stat = process::ReadProcStat(pid);
    if (!stat) continue;
    sample.pids.push_back(pid);
    ticks += stat->own_ticks + stat->reaped_ticks;
    sample.resident_bytes += ResidentBytes(pid);
  }
  sample.cpu_seconds = static_cast<double>(ticks) * tick;
  return sample;
}

int64_t OpenUnlinkedBytes(pid_t root, int64_t enough, const std::stop_token& stop) {
  absl::flat_hash_set<std::pair<dev_t, ino_t>> seen;
  int64_t total = 0;
  for (const pid_t pid : process::Descendants(root, kTreeMax)) {
    const std::string folder = Cat("/proc/", pid, "/fd");
    for (const int fd : process::NumbersIn(folder)) {
      if (total >= enough || stop.stop_requested()) return total;
      struct stat st;
      if (stat(Cat(folder, "/", fd).c_str(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 0) continue;
      if (seen.emplace(st.st_dev, st.st_ino).second) total += int64_t{st.st_blocks} * 512;
    }
  }
  return total;
}

}  // namespace gofarm::exec
