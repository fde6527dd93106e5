#include "worker/fetch/go_cache_prune.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/io/files.h"
#include "worker/exec/tree.h"
#include "worker/fetch/cache_layout.h"

namespace gofarm::fetch {
namespace {

constexpr int64_t kNamesMax = 5'000'000;
constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;

struct Found {
  std::string cache;   // name below the root
  std::string folder;  // two digits, or "" for what stands beside them
  std::string name;
  absl::Time used;
  int64_t bytes = 0;
};

bool IsDigits(std::string_view name) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return name.size() == 2 && is_digit(name[0]) && is_digit(name[1]);
}

// <hash>-a and <hash>-d: files, the latter also a folder with one program in it.
bool IsEntry(std::string_view name, mode_t mode) {
  if (name.size() < 3 || name[name.size() - 2] != '-') return false;
  return S_ISREG(mode) || (S_ISDIR(mode) && name.back() == 'd');
}

bool IsKept(std::string_view name, const struct stat& info) {
  if (S_ISDIR(info.st_mode)) return name == "fuzz";
  if (!S_ISREG(info.st_mode)) return false;
  if (name.substr(0, kSeededMark.size()) == kSeededMark) return info.st_size == 0;
  return name == "README" || name == "trim.txt" || name == "testexpire.txt";
}

class Walk {
 public:
  Walk(const Scope& scope, std::string root) : scope_(scope), root_(std::move(root)) {}

  absl::Status All() {
    const io::Fd root(open(root_.c_str(), kOpenFolder));
    if (!root) return absl::OkStatus();  // nothing was built yet
    for (const std::string& cache : Names(root.get())) {
      const io::Fd folder(openat(root.get(), cache.c_str(), kOpenFolder));
      if (!folder) continue;
      for (const std::string& name : Names(folder.get())) GOFARM_RETURN_IF_ERROR(Beside(folder.get(), cache, name));
    }
    return absl::OkStatus();
  }

  std::vector<Found> entries, foreign;
  int64_t total = 0;

 private:
  std::vector<std::string> Names(int folder) {
    std::vector<std::string> names;
    const int copy = openat(folder, ".", kOpenFolder);
    DIR* stream = copy < 0 ? nullptr : fdopendir(copy);
    if (stream == nullptr) {
      if (copy >= 0) close(copy);
      return names;
    }
    for (const dirent* entry = readdir(stream); entry != nullptr && names_left_ > 0; entry = readdir(stream)) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      names.emplace_back(name);
      --names_left_;
    }
    closedir(stream);
    return names;
  }

  // What stands beside the folders of two digits, or is one of them.
  absl::Status Beside(int cache_folder, const std::string& cache, const std::string& name) {
    GOFARM_RETURN_IF_ERROR(scope_.Check());
    struct stat info {};
    if (fstatat(cache_folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 || IsKept(name, info))
      return absl::OkStatus();
    if (!S_ISDIR(info.st_mode) || !IsDigits(name)) {
      Add(foreign, cache_folder, {cache, "", name}, info);
      return absl::OkStatus();
    }
    const io::Fd folder(openat(cache_folder, name.c_str(), kOpenFolder));
    if (!folder) return absl::OkStatus();
    for (const std::string& inner : Names(folder.get())) {
      GOFARM_RETURN_IF_ERROR(scope_.Check());
      if (fstatat(folder.get(), inner.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      Add(IsEntry(inner, info.st_mode) ? entries : foreign, folder.get(), {cache, name, inner}, info);
    }
    return absl::OkStatus();
  }

  void Add(std::vector<Found>& to, int folder, Found found, const struct stat& info) {
    // go notes in an entry's time when it used it last, anew only when the note is older than an hour. Builds can set
    // that time as they like, also to one that never comes, but nobody can set the time of the last change.
    const absl::Time noted = absl::TimeFromTimespec(info.st_mtim);
    const bool believed = &to == &entries && noted <= now_ + absl::Hours(1);
    found.used = believed ? noted : absl::TimeFromTimespec(info.st_ctim);
    found.bytes = S_ISREG(info.st_mode) && &to == &entries
                      ? static_cast<int64_t>(info.st_size)
                      : exec::TreeBytesAt(folder, found.name, INT64_MAX, scope_.stop);
    total += found.bytes;
    to.push_back(std::move(found));
  }

  const Scope& scope_;
  const std::string root_;
  const absl::Time now_ = WallNow();
  int64_t names_left_ = kNamesMax;
};

// The folders may be others since they were looked at, links even, so they are opened anew one by one.
bool Remove(const std::string& root, const Found& found) {
  const io::Fd top(open(root.c_str(), kOpenFolder));
  if (!top) return false;
  io::Fd folder(openat(top.get(), found.cache.c_str(), kOpenFolder));
  if (folder && !found.folder.empty()) folder = io::Fd(openat(folder.get(), found.folder.c_str(), kOpenFolder));
  return folder && exec::RemoveTreeAt(folder.get(), found.name).ok();
}

}  // namespace

absl::Status PruneGoCacheFolders(const Scope& scope, const std::string& root, int64_t budget, absl::Time since,
                                 GoCachePruned& done) {
  Walk walk(scope, root);
  GOFARM_RETURN_IF_ERROR(walk.All());
  int64_t total = walk.total;
  const auto take = [&](const Found& found, int64_t& count) {
    if (!Remove(root, found)) return;
    total -= found.bytes;
    done.bytes += found.bytes;
    ++count;
  };
  for (const Found& file : walk.foreign) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    // A young one may be a merge's temporary file.
    if (file.used <= since) take(file, done.foreign);
  }
  std::sort(walk.entries.begin(), walk.entries.end(), [](const Found& a, const Found& b) { return a.used < b.used; });
  for (const Found& entry : walk.entries) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    if (total <= budget || entry.used > since) break;
    take(entry, done.entries);
  }
  return absl::OkStatus();
}

}  // namespace gofarm::fetch
