// Files with errors that name the path, and writes that survive a crash. Thread-safe: no state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/io/fd.h"

namespace gofarm::io {

// RESOURCE_EXHAUSTED when the file is larger than `limit`.
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t limit);
// Temporary file beside `path`, fsync, rename, fsync of the folder: readers see the old or the new content, also after
// a crash.
absl::Status WriteFileAtomic(const std::string& path, std::string_view content, int mode = 0644);
// All that is left to read from `fd`; RESOURCE_EXHAUSTED beyond `limit` bytes.
absl::StatusOr<std::string> ReadAll(int fd, int64_t limit, std::string_view path_for_errors);
absl::Status WriteAll(int fd, std::string_view bytes, std::string_view path_for_errors);
absl::Status SyncFolder(const std::string& folder);
absl::Status MakeFolders(const std::string& folder, int mode = 0755);
// A folder that nobody but this user may enter; its parents, if they are missing, get the usual mode. One that is there
// is made so only when it is ours to change: of this user, not sticky, and empty or with one of `own_entries` in it. A
// home folder or /tmp that somebody configured keeps its mode. Whether others are kept out now.
absl::StatusOr<bool> MakePrivateFolder(const std::string& folder, const std::vector<std::string>& own_entries);
// Also read-only folders (module caches are); never follows links. A missing folder is fine.
absl::Status RemoveTree(const std::string& path);
// What a file system gives out at least for each file, folder or link.
inline constexpr int64_t kBlockBytes = 4096;
// What the entries below take on a disk, in whole blocks, links not followed, stopping after `entries_max` entries.
int64_t TreeBytes(const std::string& folder, int64_t entries_max = 2'000'000);
// Room for an ordinary user. A disk that has run out of inodes is full: as many free ones, as many blocks of room.
absl::StatusOr<int64_t> FreeBytes(const std::string& folder);

// Holds an exclusive flock while alive.
class FileLock {
 public:
  // UNAVAILABLE when another process holds it.
  static absl::StatusOr<FileLock> TryAcquire(const std::string& path);

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace gofarm::io
