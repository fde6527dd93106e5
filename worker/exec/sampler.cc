#include "worker/exec/sampler.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "worker/exec/fd.h"

namespace gofarm::exec {
namespace {

std::vector<pid_t> NumbersIn(const std::string& folder) {
  std::vector<pid_t> numbers;
  DIR* open_folder = opendir(folder.c_str());
  if (open_folder == nullptr) return numbers;
  while (const dirent* entry = readdir(open_folder)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    numbers.push_back(static_cast<pid_t>(atoi(entry->d_name)));
  }
  closedir(open_folder);
  return numbers;
}

// Kernels without CONFIG_PROC_CHILDREN lack task/TID/children; then all of /proc is read once a sample.
bool HasChildrenFiles() {
  static const bool has = access(Cat("/proc/self/task/", getpid(), "/children").c_str(), R_OK) == 0;
  return has;
}

void AppendChildren(pid_t pid, std::vector<pid_t>& out) {
  for (const pid_t thread : NumbersIn(Cat("/proc/", pid, "/task"))) {
    const std::string text = ReadProcFile(Cat("/proc/", pid, "/task/", thread, "/children"));
    for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipWhitespace())) {
      pid_t child = 0;
      if (absl::SimpleAtoi(word, &child) && child > 0) out.push_back(child);
    }
  }
}

std::vector<pid_t> Descendants(pid_t root) {
  std::vector<pid_t> found;
  if (HasChildrenFiles()) {
    AppendChildren(root, found);
    for (size_t i = 0; i < found.size() && found.size() < kTreeMax; ++i) {
      const pid_t next = found[i];
      AppendChildren(next, found);
    }
    return found;
  }
  absl::flat_hash_map<pid_t, std::vector<pid_t>> children;
  for (const pid_t pid : NumbersIn("/proc")) {
    if (const std::optional<ProcStat> stat = ReadProcStat(pid)) children[stat->parent].push_back(pid);
  }
  std::vector<pid_t> open_list = {root};
  while (!open_list.empty() && found.size() < kTreeMax) {
    const pid_t pid = open_list.back();
    open_list.pop_back();
    for (const pid_t child : children[pid]) {
      found.push_back(child);
      open_list.push_back(child);
    }
  }
  return found;
}

}  // namespace

std::optional<ProcStat> ParseProcStat(std::string_view line) {
  const size_t name_end = line.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  ProcStat stat;
  if (!absl::SimpleAtoi(Av(line.substr(0, line.find(' '))), &stat.pid)) return std::nullopt;
  // After the name: state parent group session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime
  const std::vector<absl::string_view> fields =
      absl::StrSplit(Av(line.substr(name_end + 1)), ' ', absl::SkipWhitespace());
  if (fields.size() < 15 || fields[0].size() != 1) return std::nullopt;
  stat.state = fields[0][0];
  int64_t ticks[4] = {};
  if (!absl::SimpleAtoi(fields[1], &stat.parent) || !absl::SimpleAtoi(fields[3], &stat.session)) {
    return std::nullopt;
  }
  for (size_t i = 0; i < 4; ++i) {
    if (!absl::SimpleAtoi(fields[11 + i], &ticks[i])) return std::nullopt;
  }
  stat.own_ticks = ticks[0] + ticks[1];
  stat.reaped_ticks = ticks[2] + ticks[3];
  return stat;
}

std::optional<ProcStat> ReadProcStat(pid_t pid) { return ParseProcStat(ReadProcFile(Cat("/proc/", pid, "/stat"))); }

TreeSample SampleTree(pid_t root) {
  static const int64_t page = sysconf(_SC_PAGESIZE);
  static const double tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  TreeSample sample;
  int64_t ticks = 0;
  for (const pid_t pid : Descendants(root)) {
    const std::optional<ProcStat> stat = ReadProcStat(pid);
    if (!stat) continue;
    sample.pids.push_back(pid);
    ticks += stat->own_ticks + stat->reaped_ticks;
    const std::string memory = ReadProcFile(Cat("/proc/", pid, "/statm"));
    const std::vector<absl::string_view> fields = absl::StrSplit(memory, ' ');
    int64_t pages = 0;
    if (fields.size() > 1 && absl::SimpleAtoi(fields[1], &pages)) sample.resident_bytes += pages * page;
  }
  sample.cpu_seconds = static_cast<double>(ticks) * tick;
  return sample;
}

int64_t OpenUnlinkedBytes(pid_t root, int64_t enough, const std::stop_token& stop) {
  absl::flat_hash_set<std::pair<dev_t, ino_t>> seen;
  int64_t total = 0;
  for (const pid_t pid : Descendants(root)) {
    const std::string folder = Cat("/proc/", pid, "/fd");
    for (const int fd : NumbersIn(folder)) {
      if (total >= enough || stop.stop_requested()) return total;
      struct stat st;
      if (stat(Cat(folder, "/", fd).c_str(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 0) continue;
      if (seen.emplace(st.st_dev, st.st_ino).second) total += int64_t{st.st_blocks} * 512;
    }
  }
  return total;
}

int KillSession(pid_t session) {
  int met = 0;
  for (const pid_t pid : NumbersIn("/proc")) {
    const std::optional<ProcStat> stat = ReadProcStat(pid);
    if (!stat || stat->session != session || stat->state == 'Z') continue;
    ++met;
    kill(pid, SIGKILL);
  }
  return met;
}

}  // namespace gofarm::exec
