#include "common/io/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::io {
namespace {

namespace fs = std::filesystem;

std::string ParentOf(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

absl::StatusOr<std::string> ReadAll(int fd, int64_t limit, std::string_view path_for_errors) {
  std::string content;
  char buffer[65536];
  while (true) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, Cat("read ", path_for_errors));
    if (n == 0) return content;
    content.append(buffer, static_cast<size_t>(n));
    if (static_cast<int64_t>(content.size()) > limit) {
      return absl::ResourceExhaustedError(Cat("read ", path_for_errors, ": larger than ", limit, " bytes"));
    }
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t limit) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, Cat("open ", path));
  return ReadAll(fd.get(), limit, path);
}

absl::Status WriteAll(int fd, std::string_view bytes, std::string_view path_for_errors) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, Cat("write ", path_for_errors));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status SyncFolder(const std::string& folder) {
  Fd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, Cat("open folder ", folder));
  if (fsync(fd.get()) != 0) return ErrnoStatus(errno, Cat("fsync folder ", folder));
  return absl::OkStatus();
}

absl::Status WriteFileAtomic(const std::string& path, std::string_view content, int mode) {
  static std::atomic<int> counter{0};
  const std::string temporary = Cat(path, ".", static_cast<int>(getpid()), ".", counter.fetch_add(1), ".tmp");
  absl::Status status;
  {
    Fd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!fd) return ErrnoStatus(errno, Cat("create ", temporary));
    status = WriteAll(fd.get(), content, temporary);
    if (status.ok() && fsync(fd.get()) != 0) status = ErrnoStatus(errno, Cat("fsync ", temporary));
  }
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) status = ErrnoStatus(errno, Cat("rename to ", path));
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return SyncFolder(ParentOf(path));
}

absl::Status MakeFolders(const std::string& folder, int mode) {
  if (mkdir(folder.c_str(), static_cast<mode_t>(mode)) == 0) return absl::OkStatus();
  if (errno == ENOENT) {
    GOFARM_RETURN_IF_ERROR(MakeFolders(ParentOf(folder), mode));
    if (mkdir(folder.c_str(), static_cast<mode_t>(mode)) == 0) return absl::OkStatus();
  }
  const int error = errno;
  struct stat info {};
  if (error == EEXIST && stat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return absl::OkStatus();
  return ErrnoStatus(error, Cat("make folder ", folder));
}

absl::StatusOr<bool> MakePrivateFolder(const std::string& folder, const std::vector<std::string>& own_entries) {
  GOFARM_RETURN_IF_ERROR(MakeFolders(ParentOf(folder)));
  if (mkdir(folder.c_str(), 0700) == 0) return true;
  GOFARM_RETURN_IF_ERROR(MakeFolders(folder, 0700));  // what is there must be a folder
  const Fd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, Cat("open folder ", folder));
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, Cat("look at ", folder));
  if ((info.st_mode & 077) == 0) return true;
  if (info.st_uid != geteuid() || (info.st_mode & S_ISVTX) != 0) return false;
  bool ours = false;
  for (const std::string& entry : own_entries) {
    struct stat ignored {};
    ours = ours || fstatat(fd.get(), entry.c_str(), &ignored, AT_SYMLINK_NOFOLLOW) == 0;
  }
  if (!ours) {
    std::error_code error;
    const bool empty = fs::is_empty(folder, error);
    if (error) return ErrnoStatus(error.value(), Cat("look into ", folder));
    if (!empty) return false;
  }
  if (fchmod(fd.get(), 0700) != 0) return ErrnoStatus(errno, Cat("chmod ", folder));
  return true;
}

absl::Status RemoveTree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (!error) return absl::OkStatus();
  // Module caches are read-only folders: open them up, then try again.
  std::error_code ignored;
  if (fs::is_directory(fs::symlink_status(path, ignored))) {
    fs::permissions(path, fs::perms::owner_all, fs::perm_options::add, ignored);
    for (auto it = fs::recursive_directory_iterator(path, ignored); it != fs::recursive_directory_iterator();
         it.increment(ignored)) {
      if (it->is_directory(ignored) && !it->is_symlink(ignored)) {
        fs::permissions(it->path(), fs::perms::owner_all, fs::perm_options::add, ignored);
      }
    }
  }
  fs::remove_all(path, error);
  if (error) return ErrnoStatus(error.value(), Cat("remove ", path));
  return absl::OkStatus();
}

int64_t TreeBytes(const std::string& folder, int64_t entries_max) {
  int64_t total = 0;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
       !error && it != fs::recursive_directory_iterator() && entries_max > 0; it.increment(error), --entries_max) {
    std::error_code ignored;
    if (it->is_symlink(ignored) || !it->is_regular_file(ignored)) {
      total += kBlockBytes;
      continue;
    }
    const auto size = it->file_size(ignored);
    if (!ignored) total += (static_cast<int64_t>(size) + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  }
  return total;
}

absl::StatusOr<int64_t> FreeBytes(const std::string& folder) {
  struct statvfs info {};
  if (statvfs(folder.c_str(), &info) != 0) return ErrnoStatus(errno, Cat("statvfs ", folder));
  if (info.f_blocks == 0)
    return INT64_MAX;  // states no size (tmpfs without one, some network file systems): not full, then
  const int64_t bytes = static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
  if (info.f_files == 0) return bytes;  // inodes are made as they are needed
  return std::min(bytes, static_cast<int64_t>(info.f_favail) * kBlockBytes);
}

absl::StatusOr<FileLock> FileLock::TryAcquire(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) return ErrnoStatus(errno, Cat("open lock ", path));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return absl::UnavailableError(Cat("lock ", path, " is held by another process"));
    return ErrnoStatus(errno, Cat("lock ", path));
  }
  return FileLock(std::move(fd));
}

}  // namespace gofarm::io
