// Makes the caches that every job starts from: for each target of a toolset the std packages compiled with the recipe's
// flags, and zig's musl, compiler-rt and start files. All inside the sandbox at the final paths, since those enter the
// cache keys. Works in the background in the order of demand; a job waits for its own target only.
//
//   CACHE/seeds/<key>/<target>/{gocache,zigcache}   read-only once they stand there; made as <target>.tmp, then renamed
//   CACHE/seeds/<key>/<target>-cxx/zigcache         the same with libc++, made when the first C++ module asks for it
//   CACHE/gocache/<key>/                            starts as a copy of the seeds; jobs without foreign C write into it
//
// Thread-safe. The destructor stops and joins. Several workers may share the cache: a file lock per seed makes one of
// them work and the others wait. A toolchain or seed that fails is tried kSeedTriesMax times with backoff, then its
// error stays; a job that asks for it later than kFailureRests starts it anew.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/vocab/target.h"
#include "common/vocab/toolset.h"
#include "common/vocab/worker_report.h"
#include "worker/exec/sandbox.h"
#include "worker/fetch/cache_layout.h"
#include "worker/fetch/toolchain.h"

namespace gofarm::build {

inline constexpr int kSeedTriesMax = 3;
inline constexpr absl::Duration kFailureRests = absl::Minutes(2);

struct SeederOptions {
  std::vector<Target> targets = {kAllTargets.begin(), kAllTargets.end()};
  std::string work_dir;   // scratch of this worker, an existing folder
  int parallel = 2;       // targets side by side
  int cores = 2;          // actions of go side by side in each
  int first_slot = 1000;  // sandbox slots of the seeder: apart from those of jobs
  absl::Duration retry_first = absl::Seconds(5);
  absl::Duration step_wall = absl::Minutes(20);
  // A seed was made, or failed for good; not one that lies on the disk already. Called by the seeder's threads.
  std::function<void(bool made)> seed_ended;
};

// Host paths, for overlays and binds.
struct Seed {
  std::string gocache;         // read-only; below /gocache of jobs with foreign C
  std::string zigcache;        // read-only; below /zigcache of every job
  std::string shared_gocache;  // writable; /gocache of all other jobs
};

class Seeder {
 public:
  Seeder(SeederOptions options, fetch::CacheLayout cache, fetch::ToolchainStore& toolchains,
         const exec::Sandbox& sandbox);
  ~Seeder();
  Seeder(const Seeder&) = delete;
  Seeder& operator=(const Seeder&) = delete;

  // Installs its toolchains and seeds all targets of the options, in the background. Repeats are free; one whose
  // archives come from elsewhere now has its failed installation tried anew.
  void AddToolset(const Toolset& toolset);

  // Installed toolchains of the toolset, as soon as they are there. Errors as WaitReady.
  absl::StatusOr<fetch::ToolchainStore::Installed> WaitToolchains(const Scope& scope, const Toolset& toolset,
                                                                  const fetch::FetchProgress& progress = {});

  // The toolset's previous Go, installed now if it is not there. NOT_FOUND: it names none for this host. Errors as
  // those of fetch::ToolchainStore.
  absl::StatusOr<fetch::InstalledToolchain> InstallPreviousGo(const Scope& scope, const Toolset& toolset,
                                                              const fetch::FetchProgress& progress = {});

  // Moves the target to the front, waits until it is ready. `cxx`: with libc++. FAILED_PRECONDITION with the reason
  // when seeding failed for good (class toolchain_broken), RESOURCE_EXHAUSTED when for want of disk; CANCELLED and
  // DEADLINE_EXCEEDED by the scope. Adds an unknown toolset.
  absl::StatusOr<Seed> WaitReady(const Scope& scope, const Toolset& toolset, Target target, bool cxx,
                                 const fetch::FetchProgress& progress = {});

  std::vector<TargetReadiness> Readiness() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gofarm::build
