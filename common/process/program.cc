#include "common/process/program.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::process {
namespace {

bool IsProgram(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && access(path.c_str(), X_OK) == 0;
}

}  // namespace

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  if (name.empty()) return absl::InvalidArgumentError("no program named");
  if (name.find('/') != std::string::npos) return name;
  const char* const path = std::getenv("PATH");
  const absl::string_view folders = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
  for (const absl::string_view folder : absl::StrSplit(folders, ':')) {
    if (folder.empty() || folder[0] != '/') continue;
    std::string candidate = Cat(folder, "/", name);
    if (IsProgram(candidate)) return candidate;
  }
  return absl::NotFoundError(Cat(name, ": not found in PATH"));
}

absl::StatusOr<std::string> SelfExecutable() {
  char buffer[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", buffer, sizeof buffer);
  if (n <= 0 || n >= static_cast<ssize_t>(sizeof buffer)) return ErrnoStatus(errno, "read /proc/self/exe");
  const absl::string_view path(buffer, static_cast<size_t>(n));
  return std::string(absl::StripSuffix(path, " (deleted)"));
}

absl::StatusOr<std::string> FindSibling(const std::string& name) {
  GOFARM_ASSIGN_OR_RETURN(const std::string self, SelfExecutable());
  const std::string folder = self.substr(0, self.rfind('/'));
  std::string beside = Cat(folder, "/", name);
  if (IsProgram(beside)) return beside;
  absl::StatusOr<std::string> found = FindProgram(name);
  if (found.ok()) return found;
  return absl::NotFoundError(
      Cat(name, " is neither in ", folder, " (beside this program) nor in PATH; install it there"));
}

}  // namespace gofarm::process
