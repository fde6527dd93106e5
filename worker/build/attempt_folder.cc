#include "worker/build/attempt_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "worker/exec/tree.h"

namespace gofarm::build {
namespace {

namespace fs = std::filesystem;

absl::Status FromCode(const std::error_code& error, std::string_view action) {
  return ErrnoStatus(error.value(), action);
}

}  // namespace

absl::StatusOr<std::unique_ptr<AttemptFolder>> AttemptFolder::Make(const std::string& work_dir, AttemptToken token) {
  const std::string parent = work_dir + "/attempts";
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(parent, 0700));
  std::string path = Cat(parent, "/", token.value, "-XXXXXX");
  if (mkdtemp(path.data()) == nullptr) return ErrnoStatus(errno, Cat("make folder ", path));
  return std::unique_ptr<AttemptFolder>(new AttemptFolder(path));
}

AttemptFolder::~AttemptFolder() { RemoveInside(path_); }

absl::StatusOr<std::string> AttemptFolder::MakeInside(const std::string& name) const {
  std::string folder = path_ + "/" + name;
  if (mkdir(folder.c_str(), 0700) != 0) return ErrnoStatus(errno, Cat("make folder ", folder));
  return folder;
}

void AttemptFolder::RemoveInside(const std::string& folder) const {
  if (const absl::Status removed = exec::RemoveTree(folder); !removed.ok()) {
    obs::Warn("attempt_folder_not_removed", {{"folder", folder}, {"error", std::string(Sv(removed.message()))}});
  }
}

void RemoveStaleAttempts(const std::string& work_dir) {
  const std::string folder = work_dir + "/attempts";
  if (const absl::Status removed = exec::RemoveTree(folder); !removed.ok()) {
    obs::Warn("stale_attempts_not_removed", {{"folder", folder}, {"error", std::string(Sv(removed.message()))}});
  }
}

absl::Status CopySource(const Scope& scope, const std::string& from, const std::string& to) {
  std::error_code error;
  int64_t files = 0, bytes = 0;
  for (fs::recursive_directory_iterator at(from, fs::directory_options::none, error), end; at != end;
       at.increment(error)) {
    if (error) return FromCode(error, Cat("read ", from));
    GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), "copy the source");
    const fs::file_status status = at->symlink_status(error);
    if (error) return FromCode(error, Cat("stat ", EscapeForPrint(at->path().native())));
    const fs::path target = fs::path(to) / at->path().lexically_relative(from);
    if (fs::is_directory(status)) {
      if (!fs::create_directory(target, error))
        return FromCode(error, Cat("make folder ", EscapeForPrint(target.native())));
    } else if (fs::is_regular_file(status)) {
      const uintmax_t size = at->file_size(error);
      if (!error) bytes += static_cast<int64_t>(size);
      if (++files > kSourceFilesMax || bytes > kSourceBytesMax) {
        return absl::InvalidArgumentError(
            Cat("source of more than ", kSourceFilesMax, " files or ", kSourceBytesMax, " bytes"));
      }
      if (!fs::copy_file(at->path(), target, error))
        return FromCode(error, Cat("copy to ", EscapeForPrint(target.native())));
    } else {
      return absl::InvalidArgumentError(Cat(EscapeForPrint(at->path().native()), " is neither file nor folder"));
    }
    // The module cache is read-only; the copy must not be.
    fs::permissions(target, fs::perms::owner_write, fs::perm_options::add, error);
    if (error) return FromCode(error, Cat("chmod ", EscapeForPrint(target.native())));
  }
  if (error) return FromCode(error, Cat("read ", from));
  return absl::OkStatus();
}

bool FileNames::HasBelow(const std::string& folder, std::string_view include_name) {
  const auto [at, first] = by_folder_.try_emplace(folder);
  if (first) {
    std::error_code error;
    for (fs::recursive_directory_iterator it(folder, fs::directory_options::none, error), end;
         !error && it != end && entries_left_ > 0; it.increment(error), --entries_left_) {
      if (fs::is_regular_file(it->symlink_status(error))) at->second.insert(it->path().filename().native());
    }
  }
  return at->second.contains(Av(include_name.substr(include_name.rfind('/') + 1)));
}

}  // namespace gofarm::build
