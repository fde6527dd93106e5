#include "worker/build/go_cache_merge.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "worker/exec/tree.h"

namespace gofarm::build {
namespace {

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr size_t kCopyChunk = size_t{1} << 20;

// The ending of a name that says what it is: an entry (-a), the data it points to (-d), anything else ("").
std::string_view EndingOf(std::string_view name) {
  const std::string_view ending = name.size() > 2 ? name.substr(name.size() - 2) : "";
  return ending == "-d" || ending == "-a" ? ending : "";
}

struct Entry {
  std::string name;
  mode_t type = 0;
};

absl::StatusOr<std::vector<Entry>> EntriesOf(int folder, std::string_view what) {
  const int copy = openat(folder, ".", kOpenFolder);
  DIR* stream = copy < 0 ? nullptr : fdopendir(copy);
  if (stream == nullptr) {
    const int error = errno;
    if (copy >= 0) close(copy);
    return ErrnoStatus(error, Cat("read ", what));
  }
  std::vector<Entry> entries;
  while (const dirent* entry = readdir(stream)) {
    const std::string_view name = entry->d_name;
    struct stat info = {};
    if (name == "." || name == ".." || fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) entries.push_back({std::string(name), info.st_mode & S_IFMT});
  }
  closedir(stream);
  return entries;
}

class Merge {
 public:
  explicit Merge(const Scope& scope) : scope_(scope) {}

  absl::Status Folder(int from, int to, std::string_view ending, const std::string& what) {
    GOFARM_ASSIGN_OR_RETURN(const std::vector<Entry> entries, EntriesOf(from, what));
    for (const Entry& entry : entries) {
      GOFARM_RETURN_IF_ERROR(scope_.Check());
      const std::string path = Cat(what, "/", entry.name);
      if (entry.type == S_IFREG) {
        if (EndingOf(entry.name) == ending) GOFARM_RETURN_IF_ERROR(File(from, to, entry.name, path));
        continue;
      }
      const io::Fd below(openat(from, entry.name.c_str(), kOpenFolder));
      if (!below) return ErrnoStatus(errno, Cat("open ", path));
      GOFARM_ASSIGN_OR_RETURN(const io::Fd target, OpenOrMake(to, entry.name, path));
      GOFARM_RETURN_IF_ERROR(Folder(below.get(), target.get(), ending, path));
    }
    return absl::OkStatus();
  }

 private:
  static absl::StatusOr<io::Fd> OpenOrMake(int parent, const std::string& name, const std::string& path) {
    int fd = openat(parent, name.c_str(), kOpenFolder);
    if (fd < 0) {
      unlinkat(parent, name.c_str(), 0);  // a link or a file, if anything
      if (mkdirat(parent, name.c_str(), 0777) != 0 && errno != EEXIST)
        return ErrnoStatus(errno, Cat("make folder for ", path));
      fd = openat(parent, name.c_str(), kOpenFolder);
    }
    if (fd < 0) return ErrnoStatus(errno, Cat("open the folder for ", path));
    io::Fd folder(fd);
    fchmod(fd, 0777);  // whatever the umask says; one that another uid made is open already
    return folder;
  }

  static absl::Status File(int from, int to, const std::string& name, const std::string& path) {
    struct stat info = {};
    if (fstatat(to, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode)) {
      // Go notes in a layer of the build what it used; the cache itself must know for its prune.
      utimensat(to, name.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
      return absl::OkStatus();
    }
    const io::Fd in(openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!in) return ErrnoStatus(errno, Cat("open ", path));
    if (fstat(in.get(), &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1 && fchmod(in.get(), 0666) == 0 &&
        linkat(from, name.c_str(), to, name.c_str(), 0) == 0) {
      return absl::OkStatus();
    }
    const std::string temporary = Cat(name, ".", getpid(), "-", gettid(), ".merge");
    // Of a merge that was killed, or a folder that a build left there to keep this one out.
    GOFARM_RETURN_IF_ERROR_CTX(exec::RemoveTreeAt(to, temporary), Cat("copy ", path, ": clear the way"));
    const io::Fd out(openat(to, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!out) return ErrnoStatus(errno, Cat("copy ", path));
    while (true) {
      const ssize_t n = sendfile(out.get(), in.get(), nullptr, kCopyChunk);
      if (n == 0) break;
      if (n > 0 || errno == EINTR) continue;
      absl::Status failed = ErrnoStatus(errno, Cat("copy ", path));
      unlinkat(to, temporary.c_str(), 0);
      return failed;
    }
    fchmod(out.get(), 0666);
    if (renameat(to, temporary.c_str(), to, name.c_str()) == 0) return absl::OkStatus();
    const int error = errno;
    unlinkat(to, temporary.c_str(), 0);
    if (error == EISDIR) return absl::OkStatus();  // some build's prank: go finds no entry there and compiles
    return ErrnoStatus(error, Cat("rename the copy of ", path));
  }

  const Scope& scope_;
};

}  // namespace

absl::Status MergeGoCache(const Scope& scope, const std::string& from, const std::string& to) {
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(to));
  const io::Fd source(open(from.c_str(), kOpenFolder));
  if (!source) return ErrnoStatus(errno, Cat("open ", from));
  const io::Fd target(open(to.c_str(), kOpenFolder));
  if (!target) return ErrnoStatus(errno, Cat("open ", to));
  // The files that entries (-a) point to (-d) come first, so that no entry ever points to nothing.
  for (const std::string_view ending : {"-d", "-a", ""}) {
    GOFARM_RETURN_IF_ERROR(Merge(scope).Folder(source.get(), target.get(), ending, from));
  }
  if (fchmod(target.get(), 0777) != 0) return ErrnoStatus(errno, Cat("open ", to, " to builds"));
  return absl::OkStatus();
}

}  // namespace gofarm::build
