#include "common/process/proc_fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/io/fd.h"

namespace gofarm::process {
namespace {

constexpr size_t kProcFileMax = size_t{64} << 10;

// Kernels without CONFIG_PROC_CHILDREN lack task/TID/children; then all of /proc is read.
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

}  // namespace

std::optional<ProcStat> ParseProcStat(std::string_view line) {
  const size_t name_end = line.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  ProcStat stat;
  if (!absl::SimpleAtoi(Av(line.substr(0, line.find(' '))), &stat.pid)) return std::nullopt;
  // After the name: state parent group session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime
  // priority nice threads itrealvalue starttime
  const std::vector<absl::string_view> fields =
      absl::StrSplit(Av(line.substr(name_end + 1)), ' ', absl::SkipWhitespace());
  if (fields.size() < 20 || fields[0].size() != 1) return std::nullopt;
  stat.state = fields[0][0];
  int64_t ticks[4] = {};
  if (!absl::SimpleAtoi(fields[1], &stat.parent) || !absl::SimpleAtoi(fields[2], &stat.group) ||
      !absl::SimpleAtoi(fields[3], &stat.session) || !absl::SimpleAtoi(fields[19], &stat.start_time)) {
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

std::string ReadProcFile(const std::string& path) {
  const io::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return "";
  std::string all;
  char buffer[4096];
  while (all.size() < kProcFileMax) {
    const ssize_t n = read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    all.append(buffer, static_cast<size_t>(n));
  }
  return all;
}

std::vector<int> NumbersIn(const std::string& folder) {
  std::vector<int> numbers;
  DIR* const open_folder = opendir(folder.c_str());
  if (open_folder == nullptr) return numbers;
  while (const dirent* entry = readdir(open_folder)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    numbers.push_back(atoi(entry->d_name));
  }
  closedir(open_folder);
  return numbers;
}

std::vector<ProcStat> AllProcesses() {
  std::vector<ProcStat> all;
  for (const pid_t pid : NumbersIn("/proc")) {
    if (const std::optional<ProcStat> stat = ReadProcStat(pid)) all.push_back(*stat);
  }
  return all;
}

std::vector<pid_t> Descendants(pid_t root, size_t most) {
  std::vector<pid_t> found;
  if (HasChildrenFiles()) {
    AppendChildren(root, found);
    for (size_t i = 0; i < found.size() && found.size() < most; ++i) {
      const pid_t next = found[i];
      AppendChildren(next, found);
    }
    return found;
  }
  absl::flat_hash_map<pid_t, std::vector<pid_t>> children;
  for (const ProcStat& stat : AllProcesses()) children[stat.parent].push_back(stat.pid);
  std::vector<pid_t> open_list = {root};
  while (!open_list.empty() && found.size() < most) {
    const pid_t pid = open_list.back();
    open_list.pop_back();
    for (const pid_t child : children[pid]) {
      found.push_back(child);
      open_list.push_back(child);
    }
  }
  return found;
}

std::optional<int64_t> BytesWrittenBy(pid_t pid) {
  for (const absl::string_view line : absl::StrSplit(ReadProcFile(Cat("/proc/", pid, "/io")), '\n')) {
    const std::pair<absl::string_view, absl::string_view> field = absl::StrSplit(line, absl::MaxSplits(": ", 1));
    int64_t bytes = 0;
    if (field.first == "wchar" && absl::SimpleAtoi(field.second, &bytes)) return bytes;
  }
  return std::nullopt;
}

bool WorksIn(pid_t pid, const std::string& folder) {
  struct stat works {
  }, here{};
  return stat(Cat("/proc/", pid, "/cwd").c_str(), &works) == 0 && stat(folder.c_str(), &here) == 0 &&
         works.st_dev == here.st_dev && works.st_ino == here.st_ino;
}

}  // namespace gofarm::process
