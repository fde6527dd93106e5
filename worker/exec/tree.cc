#include "worker/exec/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/fd.h"

namespace gofarm::exec {
namespace {

// Every level holds a file descriptor. No honest build nests this deeply: such a tree is moved up to be removed, counts
// as over any limit, and is not given to anybody.
constexpr int kDepthMax = 128;
constexpr int kRemovePassesMax = 100000;

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;

struct Entry {
  std::string name;
  unsigned char type;
};

std::vector<Entry> Entries(int folder) {
  std::vector<Entry> entries;
  const int copy = openat(folder, ".", kOpenFolder);
  DIR* stream = copy < 0 ? nullptr : fdopendir(copy);
  if (stream == nullptr) {
    if (copy >= 0) close(copy);
    return entries;
  }
  while (const dirent* entry = readdir(stream)) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      entries.push_back({entry->d_name, entry->d_type});
    }
  }
  closedir(stream);
  return entries;
}

// A folder whose owner shut us out (modes 000) is opened after giving ourselves the right again.
int OpenFolderByForce(int parent, const char* name) {
  int fd = openat(parent, name, kOpenFolder);
  if (fd >= 0 || errno != EACCES) return fd;
  const io::Fd handle(openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!handle) return -1;
  if (chmod(Cat("/proc/self/fd/", handle.get()).c_str(), 0700) != 0) return -1;
  return openat(parent, name, kOpenFolder);
}

struct Removal {
  const std::string& root;
  int root_fd = -1;
  int moved_up = 0;
};

absl::Status RemoveAt(Removal& removal, int parent, const char* name, int depth) {
  if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return absl::OkStatus();
  if (errno != EISDIR && errno != EPERM && errno != EACCES) {
    return ErrnoStatus(errno, Cat("remove below ", removal.root));
  }
  if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return absl::OkStatus();
  if (depth > kDepthMax) {
    // The name may be taken: a build can have made one like it.
    for (int tries = 0; tries < kRemovePassesMax; ++tries) {
      const std::string up = Cat("gofarm-moved-up-", removal.moved_up++);
      if (renameat(parent, name, removal.root_fd, up.c_str()) == 0) return absl::OkStatus();
      if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR) break;
    }
    return ErrnoStatus(errno, Cat("remove ", removal.root, ": move a deep folder up"));
  }
  const io::Fd folder(OpenFolderByForce(parent, name));
  if (!folder) return ErrnoStatus(errno, Cat("remove below ", removal.root));
  struct stat st;
  if (fstat(folder.get(), &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU) fchmod(folder.get(), 0700);
  if (depth == 0) removal.root_fd = folder.get();
  // Another look after each pass: for what was moved up to the root meanwhile.
  for (int pass = 0; pass < kRemovePassesMax; ++pass) {
    const std::vector<Entry> entries = Entries(folder.get());
    if (entries.empty()) break;
    const int moved_before = removal.moved_up;
    for (const Entry& entry : entries) {
      GOFARM_RETURN_IF_ERROR(RemoveAt(removal, folder.get(), entry.name.c_str(), depth + 1));
    }
    if (removal.moved_up == moved_before) break;
  }
  if (unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, Cat("remove below ", removal.root));
  }
  return absl::OkStatus();
}

class Adder {
 public:
  Adder(int64_t enough, const std::stop_token& stop) : enough_(enough), stop_(stop) {}
  void AddAt(int parent, const char* name, bool folder_expected, int depth) {
    if (total_ >= enough_ || stop_.stop_requested()) return;
    if (depth > kDepthMax) {
      total_ = enough_;
      return;
    }
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return;
    total_ += std::max<int64_t>(int64_t{st.st_blocks} * 512, kEntryBytes);
    if (!folder_expected && !S_ISDIR(st.st_mode)) return;
    const io::Fd folder(openat(parent, name, kOpenFolder));
    if (!folder) return;
    for (const Entry& entry : Entries(folder.get())) {
      AddAt(folder.get(), entry.name.c_str(), entry.type == DT_DIR, depth + 1);
    }
  }
  int64_t total() const { return total_; }

 private:
  const int64_t enough_;
  const std::stop_token& stop_;
  int64_t total_ = 0;
};

mode_t GivenMode(mode_t mode, bool for_all) {
  const bool runnable = S_ISDIR(mode) || (mode & 0111) != 0;
  mode_t given = S_IRUSR | S_IWUSR | (runnable ? S_IXUSR : 0);
  if (for_all) given |= (given >> 3) | (given >> 6);
  return given;
}

absl::Status GiveAt(int parent, const char* name, int uid, bool for_all, int depth, const std::string& root) {
  if (depth > kDepthMax)
    return absl::InvalidArgumentError(
        Cat("give ", root, " to builds: more than ", kDepthMax, " folders in one another"));
  const io::Fd handle(openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat st;
  if (!handle || fstat(handle.get(), &st) != 0) {
    if (errno == ENOENT && depth > 0) return absl::OkStatus();  // a build that runs meanwhile removed it
    return ErrnoStatus(errno, Cat("give ", root, " to builds"));
  }
  if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) return absl::OkStatus();
  // chmod has no form for O_PATH descriptors but this one; it cannot be led astray, unlike the name.
  const std::string by_handle = Cat("/proc/self/fd/", handle.get());
  const mode_t mode = GivenMode(st.st_mode, for_all);
  const bool owner_changes = uid >= 0 && (st.st_uid != static_cast<uid_t>(uid) || st.st_gid != static_cast<gid_t>(uid));
  if (owner_changes && chown(by_handle.c_str(), static_cast<uid_t>(uid), static_cast<gid_t>(uid)) != 0) {
    return ErrnoStatus(errno, Cat("give ", root, " to builds: change an owner"));
  }
  if ((st.st_mode & 07777) != mode && chmod(by_handle.c_str(), mode) != 0) {
    return ErrnoStatus(errno, Cat("give ", root, " to builds: change a mode"));
  }
  if (!S_ISDIR(st.st_mode)) return absl::OkStatus();
  const io::Fd folder(openat(parent, name, kOpenFolder));
  if (!folder) {
    if (depth > 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return absl::OkStatus();
    return ErrnoStatus(errno, Cat("give ", root, " to builds: open a folder"));
  }
  for (const Entry& entry : Entries(folder.get())) {
    GOFARM_RETURN_IF_ERROR(GiveAt(folder.get(), entry.name.c_str(), uid, for_all, depth + 1, root));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RemoveTree(const std::string& path) {
  Removal removal{path};
  return RemoveAt(removal, AT_FDCWD, path.c_str(), 0);
}

absl::Status RemoveTreeAt(int folder, const std::string& name) {
  Removal removal{name};
  return RemoveAt(removal, folder, name.c_str(), 0);
}

int64_t TreeBytes(const std::string& path, int64_t enough, const std::stop_token& stop) {
  Adder adder(enough, stop);
  adder.AddAt(AT_FDCWD, path.c_str(), true, 0);
  return adder.total();
}

int64_t TreeBytesAt(int folder, const std::string& name, int64_t enough, const std::stop_token& stop) {
  Adder adder(enough, stop);
  adder.AddAt(folder, name.c_str(), false, 0);
  return adder.total();
}

absl::Status GiveTree(const std::string& path, int uid, bool for_all) {
  return GiveAt(AT_FDCWD, path.c_str(), uid, for_all, 0, path);
}

}  // namespace gofarm::exec
