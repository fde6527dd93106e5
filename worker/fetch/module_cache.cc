#include "worker/fetch/module_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/io/files.h"
#include "common/sync/wait.h"
#include "worker/fetch/go_cache_prune.h"

namespace gofarm::fetch {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kWalkMax = 5'000'000;
// Modules removed under one hold of the lock: fetches wait no longer than that takes.
constexpr int kModulesPerHold = 50;

constexpr absl::Duration kGateClosedMax = absl::Seconds(5);
constexpr absl::Duration kGateOpenMin = absl::Seconds(15);

struct CachedModule {
  std::string path;     // escaped
  std::string version;  // escaped
  absl::Time used;
};

std::string DownloadBase(const CacheLayout& cache, const std::string& path, const std::string& version) {
  return Cat(cache.Mod(), "/cache/download/", path, "/@v/", version);
}

std::vector<CachedModule> CachedModules(const CacheLayout& cache) {
  std::vector<CachedModule> all;
  const std::string root = cache.Mod() + "/cache/download";
  int64_t left = kWalkMax;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(root, fs::directory_options::skip_permission_denied, error);
       !error && it != fs::recursive_directory_iterator() && left > 0; it.increment(error), --left) {
    const std::string path = it->path().string();
    constexpr std::string_view kSuffix = ".ziphash";
    if (path.size() <= kSuffix.size() || path.compare(path.size() - kSuffix.size(), kSuffix.size(), kSuffix) != 0)
      continue;
    const size_t at = path.rfind("/@v/");
    struct stat info {};
    if (at == std::string::npos || at <= root.size() || lstat(path.c_str(), &info) != 0) continue;
    CachedModule module;
    module.path = path.substr(root.size() + 1, at - root.size() - 1);
    module.version = path.substr(at + 4, path.size() - at - 4 - kSuffix.size());
    module.used = absl::TimeFromTimespec(info.st_mtim);
    all.push_back(std::move(module));
  }
  return all;
}

int64_t FileBytes(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) ? info.st_size : 0;
}

// What may stay of a part of the cache that takes `total` bytes, and how old what goes must be.
struct Allowance {
  int64_t bytes = 0;
  absl::Time used_before;
};
Allowance AllowanceOf(const CacheLayout& cache, const PruneLimits& limits, int64_t budget, int64_t total) {
  const absl::StatusOr<int64_t> free = io::FreeBytes(cache.root());
  const int64_t missing = free.ok() ? std::max<int64_t>(0, limits.free_floor - *free) : 0;
  return {std::max<int64_t>(0, std::min(budget, total - missing)),
          WallNow() - (missing > 0 ? std::min(limits.grace, limits.short_grace) : limits.grace)};
}

// Out of the way at once by rename; the slow removal follows without the lock.
int64_t Detach(const CacheLayout& cache, const CachedModule& module, const std::string& trash) {
  const std::string base = DownloadBase(cache, module.path, module.version);
  const std::string folder = Cat(cache.Mod(), "/", module.path, "@", module.version);
  int64_t bytes = FileBytes(base + ".zip");
  struct stat info {};
  if (lstat(folder.c_str(), &info) == 0) {
    bytes += io::TreeBytes(folder);
    chmod(folder.c_str(), 0755);  // renaming a folder changes its ".."; an ordinary user needs to write it
    if (rename(folder.c_str(), Cat(trash, "/", reinterpret_cast<uintptr_t>(&module), "-", bytes).c_str()) != 0) {
      io::RemoveTree(folder).IgnoreError();
    }
  }
  // The folder goes first: a process that dies in between leaves a zip, from which go unpacks it again; the other way
  // round go would go on using a folder that has no mark any more.
  unlink((base + ".ziphash").c_str());
  unlink((base + ".zip").c_str());
  return bytes;
}

absl::Status PruneModules(const Scope& scope, const CacheLayout& cache, const PruneLimits& limits, Pruned& done) {
  int64_t total = io::TreeBytes(cache.Mod(), kWalkMax);
  const Allowance allowance = AllowanceOf(cache, limits, limits.mod_bytes, total);
  if (total <= allowance.bytes) return absl::OkStatus();
  std::vector<CachedModule> modules = CachedModules(cache);
  std::sort(modules.begin(), modules.end(), [](const auto& a, const auto& b) { return a.used < b.used; });
  const std::string trash = cache.Mod() + "/.trash";
  size_t next = 0;
  while (next < modules.size() && total > allowance.bytes) {
    GOFARM_RETURN_IF_ERROR(io::MakeFolders(trash));
    {
      GOFARM_ASSIGN_OR_RETURN(const ModuleCacheLock lock,
                              ModuleCacheLock::Acquire(scope, cache, ModuleCacheLock::Mode::kExclusive));
      for (int i = 0; i < kModulesPerHold && next < modules.size() && total > allowance.bytes; ++i) {
        const CachedModule& module = modules[next++];
        // Looked at again: a fetch may have used it since.
        struct stat info {};
        if (lstat((DownloadBase(cache, module.path, module.version) + ".ziphash").c_str(), &info) != 0) continue;
        if (absl::TimeFromTimespec(info.st_mtim) > allowance.used_before) continue;
        const int64_t bytes = Detach(cache, module, trash);
        total -= bytes;
        done.bytes += bytes;
        ++done.modules;
      }
    }
    GOFARM_RETURN_IF_ERROR(io::RemoveTree(trash));
  }
  return absl::OkStatus();
}

// Removes files below `root`, those used longest ago first, until they take no more than `budget` or what is left was
// used since `since`.
absl::Status PruneFiles(const Scope& scope, const std::string& root, int64_t budget, absl::Time since,
                        int64_t& bytes_removed, int64_t& files_removed) {
  struct Entry {
    std::string path;
    absl::Time used;
    int64_t bytes = 0;
  };
  std::vector<Entry> entries;
  int64_t total = 0;
  int64_t left = kWalkMax;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(root, fs::directory_options::skip_permission_denied, error);
       !error && it != fs::recursive_directory_iterator() && left > 0; it.increment(error), --left) {
    struct stat info {};
    if (lstat(it->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    const int64_t bytes = (info.st_size + io::kBlockBytes - 1) / io::kBlockBytes * io::kBlockBytes;
    total += bytes;
    entries.push_back({it->path().string(), absl::TimeFromTimespec(info.st_mtim), bytes});
  }
  if (total <= budget) return absl::OkStatus();
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.used < b.used; });
  for (const Entry& entry : entries) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    if (total <= budget || entry.used > since) break;
    if (unlink(entry.path.c_str()) != 0) continue;
    total -= entry.bytes;
    bytes_removed += entry.bytes;
    ++files_removed;
  }
  return absl::OkStatus();
}

absl::Status PruneGoCaches(const Scope& scope, const CacheLayout& cache, const PruneLimits& limits, Pruned& done) {
  GoCachePruned pruned;
  const std::string root = cache.root() + "/gocache";
  const Allowance allowance = AllowanceOf(cache, limits, limits.gocache_bytes, io::TreeBytes(root, kWalkMax));
  // An hour more, since go notes anew when it used an entry only once the note is older than that.
  absl::Status status =
      PruneGoCacheFolders(scope, root, allowance.bytes, allowance.used_before - absl::Hours(1), pruned);
  done.bytes += pruned.bytes;
  done.gocache_entries += pruned.entries;
  done.gocache_foreign_files += pruned.foreign;
  return status;
}

// A fetch that finds none makes it anew, so the lock is not needed here.
absl::Status PruneListings(const Scope& scope, const CacheLayout& cache, const PruneLimits& limits, Pruned& done) {
  const std::string root = cache.root() + "/listings";
  const Allowance allowance = AllowanceOf(cache, limits, limits.listings_bytes, io::TreeBytes(root, kWalkMax));
  return PruneFiles(scope, root, allowance.bytes, allowance.used_before, done.bytes, done.listings);
}

// What killed processes left: halves of toolchains. An incomplete seed is removed by the process that makes it again.
void RemoveLeftovers(const CacheLayout& cache, const PruneLimits& limits) {
  const absl::Time old = WallNow() - limits.grace - absl::Hours(1);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(cache.Toolchains(), error)) {
    struct stat info {};
    if (entry.path().filename().string().rfind(".tmp-", 0) != 0 || lstat(entry.path().c_str(), &info) != 0) continue;
    if (absl::TimeFromTimespec(info.st_mtim) < old) io::RemoveTree(entry.path().string()).IgnoreError();
  }
}

}  // namespace

CacheSizes MeasureCache(const CacheLayout& cache) {
  CacheSizes sizes;
  sizes.toolchains = io::TreeBytes(cache.Toolchains(), kWalkMax);
  sizes.seeds = io::TreeBytes(cache.root() + "/seeds", kWalkMax);
  sizes.gocache = io::TreeBytes(cache.root() + "/gocache", kWalkMax);
  sizes.mod = io::TreeBytes(cache.Mod(), kWalkMax);
  sizes.listings = io::TreeBytes(cache.root() + "/listings", kWalkMax);
  return sizes;
}

absl::StatusOr<Pruned> PruneCache(const Scope& scope, const CacheLayout& cache, const PruneLimits& limits) {
  Pruned done;
  RemoveLeftovers(cache, limits);
  GOFARM_RETURN_IF_ERROR_CTX(PruneModules(scope, cache, limits, done), "prune the module cache");
  GOFARM_RETURN_IF_ERROR_CTX(PruneGoCaches(scope, cache, limits, done), "prune the shared Go cache");
  GOFARM_RETURN_IF_ERROR_CTX(PruneListings(scope, cache, limits, done), "prune the listings");
  return done;
}

absl::StatusOr<io::Fd> ModuleCacheLock::LockFile(const Scope& scope, const std::string& path, int operation) {
  io::Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) return ErrnoStatus(errno, Cat("open lock ", path));
  while (flock(fd.get(), operation | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return ErrnoStatus(errno, Cat("lock ", path));
    GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), Cat("wait for lock ", path));
    sync::SleepFor(scope, absl::Milliseconds(20));
  }
  return fd;
}

// Everybody goes through the gate. A fetch holds it only while it enters; a prune keeps it, so that no further fetch
// enters while it waits for those inside, but not for long: one of them may be downloading for minutes.
absl::StatusOr<ModuleCacheLock> ModuleCacheLock::Acquire(const Scope& scope, const CacheLayout& cache, Mode mode) {
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(cache.root()));
  const std::string gate = cache.root() + "/mod.gate", room = cache.root() + "/mod.lock";
  if (mode == Mode::kShared) {
    GOFARM_ASSIGN_OR_RETURN(const io::Fd entering, LockFile(scope, gate, LOCK_SH));
    GOFARM_ASSIGN_OR_RETURN(io::Fd inside, LockFile(scope, room, LOCK_SH));
    return ModuleCacheLock(std::move(inside), io::Fd());
  }
  while (true) {
    {
      GOFARM_ASSIGN_OR_RETURN(io::Fd closed, LockFile(scope, gate, LOCK_EX));
      absl::StatusOr<io::Fd> alone = LockFile(scope.Within(kGateClosedMax), room, LOCK_EX);
      if (alone.ok()) return ModuleCacheLock(*std::move(alone), std::move(closed));
      if (!absl::IsDeadlineExceeded(alone.status())) return alone.status();
    }
    sync::SleepFor(scope, kGateOpenMin);
    GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), Cat("wait for lock ", room));
  }
}

bool TouchModule(const CacheLayout& cache, const std::string& dir) {
  const size_t at = dir.rfind('@');
  if (at == std::string::npos) return false;
  const std::string mark = DownloadBase(cache, dir.substr(0, at), dir.substr(at + 1)) + ".ziphash";
  if (utimensat(AT_FDCWD, mark.c_str(), nullptr, 0) != 0) return false;
  struct stat info {};
  return stat(Cat(cache.Mod(), "/", dir).c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

int64_t EntriesOf(const CacheLayout& cache, const std::string& dir, int64_t max) {
  int64_t count = 0;
  std::error_code error;
  const std::string folder = Cat(cache.Mod(), "/", dir);
  for (auto it = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
       !error && it != fs::recursive_directory_iterator() && count < max; it.increment(error)) {
    ++count;
  }
  return count;
}

void RemoveModule(const CacheLayout& cache, const std::string& dir) {
  const size_t at = dir.rfind('@');
  if (at == std::string::npos) return;
  const std::string base = DownloadBase(cache, dir.substr(0, at), dir.substr(at + 1));
  io::RemoveTree(Cat(cache.Mod(), "/", dir)).IgnoreError();
  unlink((base + ".ziphash").c_str());
  unlink((base + ".zip").c_str());
}

}  // namespace gofarm::fetch
