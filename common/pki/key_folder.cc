#include "common/pki/key_folder.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/pki/openssl.h"

namespace gofarm::pki {
namespace {

// 0: none yet.
int64_t CurrentNumber(const std::string& folder) {
  char target[PATH_MAX];
  const ssize_t size = ::readlink(CurrentOf(folder).c_str(), target, sizeof target - 1);
  if (size <= 0) return 0;
  target[size] = '\0';
  return std::max<int64_t>(0, std::strtoll(target, nullptr, 10));
}

}  // namespace

std::string CurrentOf(const std::string& folder) { return folder + "/current"; }

absl::Status ReplaceFiles(const std::string& folder, const std::map<std::string, std::string>& files) {
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(folder, 0700));
  const int64_t before = CurrentNumber(folder), number = before + 1;
  const std::string made = Cat(folder, "/", number), link = folder + "/next";
  GOFARM_RETURN_IF_ERROR(io::RemoveTree(made));  // of a process that was killed here
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(made, 0700));
  for (const auto& [name, content] : files) {
    GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(Cat(made, "/", name), content, 0600));
  }
  (void)::unlink(link.c_str());
  if (::symlink(Cat(number).c_str(), link.c_str()) != 0) return ErrnoStatus(errno, Cat("link ", link));
  if (::rename(link.c_str(), CurrentOf(folder).c_str()) != 0) return ErrnoStatus(errno, Cat("rename ", link));
  GOFARM_RETURN_IF_ERROR(io::SyncFolder(folder));
  return before > 1 ? io::RemoveTree(Cat(folder, "/", before - 1)) : absl::OkStatus();
}

absl::Status RemoveKeyFolder(const std::string& folder) { return io::RemoveTree(folder); }

absl::StatusOr<std::string> ReadKeyFile(const std::string& folder, const std::string& file) {
  return io::ReadFile(Cat(CurrentOf(folder), "/", file), kPemBytesMax);
}

}  // namespace gofarm::pki
