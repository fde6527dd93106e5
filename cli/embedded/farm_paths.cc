#include "cli/embedded/farm_paths.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/strings/str_format.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::embedded {
namespace {

constexpr std::string_view kLongestSocket = "/coordinator.sock";

// FNV-1a: only has to differ between one user's farms.
std::string ShortHash(std::string_view text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return absl::StrFormat("%012x", hash >> 16);
}

}  // namespace

FarmPaths PathsFor(const std::string& dir, const std::string& runtime_folder, unsigned uid) {
  FarmPaths paths{.dir = dir, .run = dir + "/run"};
  const auto fits = [](const std::string& run) { return run.size() + kLongestSocket.size() <= kSocketPathMax; };
  if (fits(paths.run)) return paths;
  const std::string name = Cat("gofarm-", ShortHash(dir));
  paths.run = Cat(runtime_folder, "/", name);
  if (runtime_folder.empty() || runtime_folder[0] != '/' || !fits(paths.run)) paths.run = Cat("/tmp/", name, "-", uid);
  return paths;
}

FarmPaths PathsFor(const std::string& dir) {
  const char* const runtime_folder = std::getenv("XDG_RUNTIME_DIR");
  return PathsFor(dir, runtime_folder == nullptr ? "" : runtime_folder, geteuid());
}

absl::Status MakePrivateFolder(const std::string& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return ErrnoStatus(errno, Cat("make folder ", folder));
  struct stat info {};
  if (lstat(folder.c_str(), &info) != 0) return ErrnoStatus(errno, Cat("look at ", folder));
  if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid()) {
    return absl::FailedPreconditionError(
        Cat(folder, " is not a folder of this user; remove it or choose another --dir"));
  }
  if ((info.st_mode & 077) != 0 && chmod(folder.c_str(), 0700) != 0) return ErrnoStatus(errno, Cat("chmod ", folder));
  return absl::OkStatus();
}

absl::Status MakeFarmFolder(const std::string& dir) {
  const std::string parent = dir.substr(0, dir.rfind('/'));
  if (!parent.empty()) GOFARM_RETURN_IF_ERROR(io::MakeFolders(parent));
  return MakePrivateFolder(dir);
}

absl::Status MakeFarmFolders(const FarmPaths& paths) {
  GOFARM_RETURN_IF_ERROR(MakeFarmFolder(paths.dir));
  for (const std::string& folder : {paths.Logs(), paths.Data(), paths.Work(), paths.run}) {
    GOFARM_RETURN_IF_ERROR(MakePrivateFolder(folder));
  }
  return absl::OkStatus();
}

}  // namespace gofarm::embedded
