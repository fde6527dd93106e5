// Disk budget of the cache folder. What is pruned is what was used longest ago: a fetch touches the marks of all
// modules it hands out, and ModuleFetcher::Prune those of running builds, so all that a build reads stays. Thread-safe;
// a file lock keeps a prune and the fetches of other processes apart.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/io/files.h"
#include "worker/fetch/cache_layout.h"

namespace gofarm::fetch {

struct CacheSizes {
  int64_t toolchains = 0;
  int64_t seeds = 0;
  int64_t gocache = 0;
  int64_t mod = 0;
  int64_t listings = 0;
  int64_t Total() const { return toolchains + seeds + gocache + mod + listings; }
};

CacheSizes MeasureCache(const CacheLayout& cache);

struct PruneLimits {
  int64_t mod_bytes = int64_t{20} << 30;
  int64_t gocache_bytes = int64_t{20} << 30;
  int64_t listings_bytes = int64_t{2} << 30;  // about 20,000 modules; a large module takes a megabyte
  // Younger than this is never removed: many times as long as the workers take from one ModuleFetcher::Prune to the
  // next.
  absl::Duration grace = absl::Hours(2);
  // With less room on the cache's disk more goes than the budgets ask for, and what is older than `short_grace`: a
  // worker below it takes no job. 0: the budgets alone count.
  int64_t free_floor = 0;
  absl::Duration short_grace = absl::Minutes(15);
};

struct Pruned {
  int64_t bytes = 0;
  int64_t modules = 0;
  int64_t gocache_entries = 0;
  int64_t gocache_foreign_files = 0;  // what no go puts into its cache
  int64_t listings = 0;
};

// Removes unpacked modules and their zips from the module cache, entries from the shared Go caches, listings, and what
// crashed processes left half made, until each stands within its budget or nothing old enough is left.
absl::StatusOr<Pruned> PruneCache(const Scope& scope, const CacheLayout& cache, const PruneLimits& limits);

// Held shared by every fetch, exclusive by a prune. Fetches that follow each other without a gap do not keep a prune
// out.
class ModuleCacheLock {
 public:
  enum class Mode { kShared, kExclusive };
  // Waits; CANCELLED or DEADLINE_EXCEEDED by the scope.
  static absl::StatusOr<ModuleCacheLock> Acquire(const Scope& scope, const CacheLayout& cache, Mode mode);

 private:
  ModuleCacheLock(io::Fd room, io::Fd gate) : room_(std::move(room)), gate_(std::move(gate)) {}
  static absl::StatusOr<io::Fd> LockFile(const Scope& scope, const std::string& path, int operation);

  io::Fd room_;
  io::Fd gate_;  // of a prune
};

// Notes that module@version (escaped: "github.com/!burnt!sushi/toml@v1.6.0") was used now. False when it is not there
// whole.
bool TouchModule(const CacheLayout& cache, const std::string& dir);

// Entries below the module's folder, at most `max`.
int64_t EntriesOf(const CacheLayout& cache, const std::string& dir, int64_t max);
// Takes one out of the cache, under the caller's shared lock.
void RemoveModule(const CacheLayout& cache, const std::string& dir);

}  // namespace gofarm::fetch
