#include "common/io/scratch_folder.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"

namespace gofarm::io {

absl::StatusOr<ScratchFolder> ScratchFolder::Make(const std::string& parent, const std::string& prefix) {
  GOFARM_RETURN_IF_ERROR(MakeFolders(parent));
  std::string path = Cat(parent, "/", prefix, "XXXXXX");
  if (mkdtemp(path.data()) == nullptr) return ErrnoStatus(errno, Cat("make a folder in ", parent));
  chmod(path.c_str(), 0755);  // build uids read below it through bind mounts
  return ScratchFolder(std::move(path));
}

ScratchFolder::~ScratchFolder() {
  if (!path_.empty()) RemoveTree(path_).IgnoreError();
}

int64_t BytesSince(const std::string& folder, absl::Time since, int64_t entries_max) {
  namespace fs = std::filesystem;
  const time_t start = absl::ToTimeT(since);
  int64_t total = 0;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
       !error && it != fs::recursive_directory_iterator() && entries_max > 0; it.increment(error), --entries_max) {
    struct stat info {};
    if (lstat(it->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    if (info.st_mtim.tv_sec >= start) total += info.st_size;
  }
  return total;
}

}  // namespace gofarm::io
