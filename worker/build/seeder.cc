#include "worker/build/seeder.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"
#include "worker/build/classify.h"
#include "worker/build/go_cache_merge.h"
#include "worker/build/seed_steps.h"
#include "worker/fetch/command.h"

namespace gofarm::build {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kPoll = absl::Milliseconds(500);
constexpr absl::Duration kInstallMax = absl::Minutes(30);

using State = ReadinessState;

// Something to do with tries and an end: the installation of a toolset, or one seed.
struct Work {
  State state = State::kWaiting;
  std::string detail = "in line";  // what is being done, or the error; empty when ready
  absl::Status error;
  int tries = 0;
  absl::Time retry_at = absl::InfinitePast();
  absl::Time failed_at = absl::InfinitePast();
  absl::Time started_at = absl::InfinitePast();
  absl::Duration spent;
  int64_t demand = 0;  // 0: nobody waits for it; else the smallest number goes first

  bool Due(absl::Time now) const { return state == State::kWaiting && now >= retry_at; }
};

struct TargetKey {
  Target target;
  bool cxx;
  auto operator<=>(const TargetKey&) const = default;
};

struct ToolsetEntry {
  Toolset toolset;
  Work install;
  fetch::ToolchainStore::Installed installed;
  std::map<TargetKey, Work> seeds;
};

std::string SeedName(const TargetKey& key) { return Cat(TargetName(key.target), key.cxx ? "-cxx" : ""); }

// Seeds and the shared Go cache are writable for every build's uid, so only the worker may enter the folder above them.
absl::Status MakeClosedFolder(const std::string& folder) {
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(folder, 0755));
  if (chmod(folder.c_str(), 0700) != 0) return ErrnoStatus(errno, Cat("close folder ", folder));
  return absl::OkStatus();
}

}  // namespace

class Seeder::Impl {
 public:
  Impl(SeederOptions options, fetch::CacheLayout cache, fetch::ToolchainStore& toolchains, const exec::Sandbox& sandbox)
      : options_(std::move(options)), cache_(std::move(cache)), toolchains_(toolchains), sandbox_(sandbox) {
    for (int i = 0; i < std::max(1, options_.parallel); ++i) {
      threads_.emplace_back([this, i](const std::stop_token& stop) { Loop(stop, i); });
    }
  }

  ~Impl() {
    for (std::jthread& thread : threads_) thread.request_stop();
    threads_.clear();
  }

  void AddToolset(const Toolset& toolset) {
    absl::MutexLock lock(&mutex_);
    ToolsetEntry& entry = EntryOf(toolset);
    if (entry.toolset.archives == toolset.archives) return;
    // The same tools from elsewhere: what failed by the former place is tried anew.
    entry.toolset.archives = toolset.archives;
    if (entry.install.state == State::kFailed) entry.install = Work{.demand = entry.install.demand};
    changed_.SignalAll();
  }

  absl::StatusOr<fetch::ToolchainStore::Installed> WaitToolchains(const Scope& scope, const Toolset& toolset,
                                                                  const fetch::FetchProgress& progress) {
    absl::Status waited = Wait(scope, progress, "toolchains", [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> Work& {
      return EntryOf(toolset).install;
    });
    GOFARM_RETURN_IF_ERROR(waited);
    absl::MutexLock lock(&mutex_);
    return EntryOf(toolset).installed;
  }

  absl::StatusOr<Seed> WaitReady(const Scope& scope, const Toolset& toolset, Target target, bool cxx,
                                 const fetch::FetchProgress& progress) {
    GOFARM_RETURN_IF_ERROR(WaitToolchains(scope, toolset, progress).status());
    for (const bool part : {false, true}) {
      if (part && !cxx) break;
      const TargetKey key{target, part};
      GOFARM_RETURN_IF_ERROR(Wait(scope, progress, SeedName(key), [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> Work& {
        return EntryOf(toolset).seeds[key];
      }));
    }
    const std::string seeds = cache_.Seeds(KeyOf(toolset));
    Seed seed;
    seed.gocache = Cat(seeds, "/", TargetName(target), "/gocache");
    seed.zigcache = Cat(seeds, "/", SeedName({target, cxx}), "/zigcache");
    seed.shared_gocache = cache_.SharedGoCache(KeyOf(toolset));
    return seed;
  }

  absl::StatusOr<fetch::InstalledToolchain> InstallPreviousGo(const Scope& scope, const Toolset& toolset,
                                                              const fetch::FetchProgress& progress) {
    for (const Archive& archive : toolset.archives) {
      if (archive.kind == "go" && archive.version == toolset.previous_go &&
          archive.host_arch == fetch::ToolchainStore::HostArch()) {
        return toolchains_.Install(scope, archive, progress);
      }
    }
    return absl::NotFoundError(Cat("toolset ", toolset.name, " names no previous Go for this host"));
  }

  std::vector<TargetReadiness> Readiness() const {
    std::vector<TargetReadiness> all;
    absl::MutexLock lock(&mutex_);
    for (const auto& [digest, entry] : toolsets_) {
      for (const auto& [key, seed] : entry.seeds) {
        if (key.cxx && seed.state == State::kReady) continue;  // shown while it is made, or when it failed
        // Before its toolchains are there, they are what the target waits for.
        const Work& work = entry.install.state == State::kReady ? seed : entry.install;
        TargetReadiness row;
        row.toolset = entry.toolset.name;
        row.target = key.target;
        row.state = &work == &entry.install && work.state == State::kSeeding ? State::kWaiting : work.state;
        row.detail = key.cxx ? Cat("C++: ", work.detail) : work.detail;
        row.seconds = absl::ToDoubleSeconds(
            work.spent + (work.state == State::kSeeding ? SteadyNow() - work.started_at : absl::ZeroDuration()));
        all.push_back(std::move(row));
      }
    }
    return all;
  }

 private:
  static std::string KeyOf(const Toolset& toolset) { return fetch::CacheLayout::Key(toolset, exec::kSandboxLayout); }

  ToolsetEntry& EntryOf(const Toolset& toolset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto [it, added] = toolsets_.try_emplace(fetch::CacheLayout::ShortDigest(toolset));
    if (added) {
      it->second.toolset = toolset;
      for (const Target target : options_.targets) it->second.seeds.try_emplace({target, false});
    }
    return it->second;
  }

  template <typename Find>
  absl::Status Wait(const Scope& scope, const fetch::FetchProgress& progress, std::string_view name, const Find& find) {
    bool asked = false;
    while (true) {
      std::string step;
      {
        absl::MutexLock lock(&mutex_);
        Work& work = find();
        if (work.state == State::kReady) return absl::OkStatus();
        if (!asked) {
          asked = true;
          if (work.demand == 0) work.demand = ++demands_;
          if (work.state == State::kFailed && SteadyNow() - work.failed_at > kFailureRests) {
            work = Work{.demand = work.demand};
          }
        }
        if (work.state == State::kFailed) return work.error;
        step = Cat("waits for ", name, ": ", work.detail);
        sync::WaitFor(changed_, mutex_, kPoll);
      }
      if (progress) progress(step, 0, 0);
      GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), step);
    }
  }

  // What a thread took on. `work` stays where it is: entries are never removed.
  struct Task {
    ToolsetEntry* entry;
    std::optional<TargetKey> key;  // none: the installation
    Work* work;
  };

  std::optional<Task> Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const absl::Time now = SteadyNow();
    std::optional<Task> best;
    const auto consider = [&](const Task& task) {
      if (!task.work->Due(now)) return;
      const auto rank = [](const Work& work) { return work.demand == 0 ? INT64_MAX : work.demand; };
      if (!best.has_value() || rank(*task.work) < rank(*best->work)) best = task;
    };
    for (auto& [digest, entry] : toolsets_) {
      if (entry.install.state != State::kReady) {
        consider({&entry, std::nullopt, &entry.install});
        continue;
      }
      for (auto& [key, seed] : entry.seeds) {
        const auto base = entry.seeds.find({key.target, false});
        if (key.cxx && (base == entry.seeds.end() || base->second.state != State::kReady)) continue;
        consider({&entry, key, &seed});
      }
    }
    if (best.has_value()) {
      best->work->state = State::kSeeding;
      best->work->detail = "starting";
      best->work->started_at = now;
      ++best->work->tries;
    }
    return best;
  }

  void Loop(const std::stop_token& stop, int number) {
    while (!stop.stop_requested()) {
      std::optional<Task> task;
      {
        absl::MutexLock lock(&mutex_);
        task = Take();
        if (!task.has_value()) sync::WaitFor(changed_, mutex_, kPoll);
      }
      if (!task.has_value()) continue;
      const std::string name = task->key.has_value() ? SeedName(*task->key) : "toolchains";
      const Scope scope = Scope::For(kInstallMax, stop);
      absl::Status status = task->key.has_value() ? MakeOne(scope, *task, number) : InstallOne(scope, *task);
      Settle(*task, name, status);
    }
  }

  void Settle(const Task& task, const std::string& name, const absl::Status& status) {
    double seconds = 0;
    bool again = false;
    {
      absl::MutexLock lock(&mutex_);
      Work& work = *task.work;
      work.spent += SteadyNow() - work.started_at;
      seconds = absl::ToDoubleSeconds(work.spent);
      again = !status.ok() && work.tries < kSeedTriesMax;
      if (status.ok()) {
        work.state = State::kReady;
        work.detail = "";
      } else if (again) {
        const absl::Duration pause =
            BackoffDelay({.first = options_.retry_first, .longest = absl::Minutes(1)}, work.tries,
                         std::uniform_real_distribution<double>(0.0, 1.0)(random_));
        work.state = State::kWaiting;
        work.retry_at = SteadyNow() + pause;
        work.detail = Cat("try ", work.tries + 1, " of ", kSeedTriesMax,
                          " soon; the last one failed: ", Clip(Sv(status.message()), 500));
      } else {
        work.state = State::kFailed;
        work.failed_at = SteadyNow();
        // A full disk stays one; whatever else broke, or was larger than a limit of ours, the worker has no toolchain.
        const bool disk_full = absl::IsResourceExhausted(status) && SaysDiskFull(Sv(status.message()));
        const absl::StatusCode code = disk_full ? status.code() : absl::StatusCode::kFailedPrecondition;
        work.error = absl::Status(code, Sv(status.message()).empty() ? "failed" : Cat(Sv(status.message())));
        work.detail = Clip(Sv(status.message()), 2000);
      }
      changed_.SignalAll();
    }
    if (status.ok()) {
      obs::Info("seed_ready", {{"toolset", task.entry->toolset.name}, {"what", name}, {"seconds", Cat(seconds)}});
    } else if (status.code() != absl::StatusCode::kCancelled) {
      obs::Warn(again ? "seed_try_failed" : "seed_failed",
                {{"toolset", task.entry->toolset.name}, {"what", name}, {"error", std::string(status.message())}});
      if (!again && task.key && options_.seed_ended) options_.seed_ended(false);
    }
  }

  void Show(const Task& task, std::string_view step) {
    absl::MutexLock lock(&mutex_);
    task.work->detail = step;
  }

  absl::Status InstallOne(const Scope& scope, const Task& task) {
    Toolset toolset;
    {
      absl::MutexLock lock(&mutex_);
      toolset = task.entry->toolset;
    }
    GOFARM_ASSIGN_OR_RETURN(
        fetch::ToolchainStore::Installed installed,
        toolchains_.InstallToolset(scope, toolset, [&](std::string_view step, int64_t bytes, int64_t) {
          Show(task, Cat(step, ", ", bytes >> 20, " MiB"));
        }));
    absl::MutexLock lock(&mutex_);
    task.entry->installed = std::move(installed);
    return absl::OkStatus();
  }

  absl::Status MakeOne(const Scope& scope, const Task& task, int number) {
    Toolset toolset;
    fetch::ToolchainStore::Installed installed;
    {
      absl::MutexLock lock(&mutex_);
      toolset = task.entry->toolset;
      installed = task.entry->installed;
    }
    const std::string seeds = cache_.Seeds(KeyOf(toolset));
    const std::string folder = Cat(seeds, "/", SeedName(*task.key));
    GOFARM_RETURN_IF_ERROR(MakeClosedFolder(cache_.root() + "/seeds"));
    GOFARM_RETURN_IF_ERROR(MakeClosedFolder(cache_.root() + "/gocache"));
    GOFARM_RETURN_IF_ERROR(io::MakeFolders(seeds));
    GOFARM_ASSIGN_OR_RETURN(const io::FileLock lock, fetch::WaitForLock(scope, folder + ".lock", [&] {
                              Show(task, "another process makes this seed");
                            }));
    std::error_code error;
    if (!fs::is_directory(folder, error)) {
      GOFARM_ASSIGN_OR_RETURN(const fetch::ScratchFolder scratch,
                              fetch::ScratchFolder::Make(options_.work_dir, "seed-"));
      SeedOrder order;
      order.target = task.key->target;
      order.gos = installed.gos;
      order.zig = installed.zig;
      order.folder = folder + ".tmp";
      order.scratch = scratch.path();
      order.slot = options_.first_slot + number;
      order.parallel = std::max(1, options_.cores);
      order.step_wall = options_.step_wall;
      GOFARM_RETURN_IF_ERROR(io::RemoveTree(order.folder));  // of a process that was killed
      const SeedProgress progress = [&](std::string_view step) { Show(task, step); };
      absl::Status made =
          task.key->cxx ? MakeCxxSeed(scope, sandbox_, order, Cat(seeds, "/", TargetName(task.key->target)), progress)
                        : MakeSeed(scope, sandbox_, order, progress);
      if (!made.ok()) {
        io::RemoveTree(order.folder).IgnoreError();
        return made;
      }
      if (rename(order.folder.c_str(), folder.c_str()) != 0) return ErrnoStatus(errno, Cat("rename to ", folder));
      GOFARM_RETURN_IF_ERROR(io::SyncFolder(seeds));
      if (options_.seed_ended) options_.seed_ended(true);
    }
    if (task.key->cxx) return absl::OkStatus();
    // The mark stands inside, so it goes when somebody empties the shared cache.
    const std::string shared = cache_.SharedGoCache(KeyOf(toolset));
    const std::string mark = Cat(shared, "/", fetch::kSeededMark, TargetName(task.key->target));
    if (fs::exists(mark, error)) return absl::OkStatus();
    Show(task, "filling the shared Go cache");
    GOFARM_RETURN_IF_ERROR(MergeGoCache(scope, folder + "/gocache", shared));
    return io::WriteFileAtomic(mark, "");
  }

  const SeederOptions options_;
  const fetch::CacheLayout cache_;
  fetch::ToolchainStore& toolchains_;
  const exec::Sandbox& sandbox_;
  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  std::map<std::string, ToolsetEntry> toolsets_ ABSL_GUARDED_BY(mutex_);  // by CacheLayout::ShortDigest
  int64_t demands_ ABSL_GUARDED_BY(mutex_) = 0;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_){std::random_device{}()};
  std::vector<std::jthread> threads_;
};

Seeder::Seeder(SeederOptions options, fetch::CacheLayout cache, fetch::ToolchainStore& toolchains,
               const exec::Sandbox& sandbox)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(cache), toolchains, sandbox)) {}

Seeder::~Seeder() = default;

void Seeder::AddToolset(const Toolset& toolset) { impl_->AddToolset(toolset); }

absl::StatusOr<fetch::ToolchainStore::Installed> Seeder::WaitToolchains(const Scope& scope, const Toolset& toolset,
                                                                        const fetch::FetchProgress& progress) {
  return impl_->WaitToolchains(scope, toolset, progress);
}

absl::StatusOr<fetch::InstalledToolchain> Seeder::InstallPreviousGo(const Scope& scope, const Toolset& toolset,
                                                                    const fetch::FetchProgress& progress) {
  return impl_->InstallPreviousGo(scope, toolset, progress);
}

absl::StatusOr<Seed> Seeder::WaitReady(const Scope& scope, const Toolset& toolset, Target target, bool cxx,
                                       const fetch::FetchProgress& progress) {
  return impl_->WaitReady(scope, toolset, target, cxx, progress);
}

std::vector<TargetReadiness> Seeder::Readiness() const { return impl_->Readiness(); }

}  // namespace gofarm::build
