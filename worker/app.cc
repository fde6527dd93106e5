#include "worker/app.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/config/toolsets.h"
#include "common/goproxy/list.h"
#include "common/io/ca_bundle.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "common/process/limits.h"
#include "common/process/program.h"
#include "common/sync/wait.h"
#include "worker/agent/agent.h"
#include "worker/build/local_runner.h"
#include "worker/build/seeder.h"
#include "worker/exec/sandbox.h"
#include "worker/exec/tree.h"
#include "worker/fetch/module_cache.h"
#include "worker/fetch/module_fetcher.h"
#include "worker/fetch/proxy_settings.h"
#include "worker/fetch/toolchain.h"
#include "worker/host_check.h"
#include "worker/isolation_watch.h"
#include "worker/place.h"
#include "worker/upload/archive_download.h"
#include "worker/verbs.h"
#include "worker/watch/metrics_listener.h"
#include "worker/watch/worker_metrics.h"

namespace gofarm::worker {

const char* const kVersion = GOFARM_VERSION;

namespace {

constexpr absl::Duration kProbeMax = absl::Seconds(60);
constexpr absl::Duration kFindProxyMax = absl::Minutes(10);  // it may have to download a first Go
constexpr absl::Duration kToolchainsInterval = absl::Seconds(2);
constexpr absl::Duration kCacheInterval = absl::Minutes(10);
constexpr absl::Duration kShortInterval = absl::Minutes(1);  // while the disk is short of room
// Above what a job needs, so that there is room again before none is taken.
constexpr int64_t kFreeFloor = 2 * build::kDiskFreeMin;
constexpr absl::Duration kFirstCacheLook = absl::Seconds(30);  // not while the farm starts
constexpr absl::Duration kPruneMax = absl::Minutes(10);

// Empty again, whatever an earlier process left there.
absl::Status FreshFolder(const std::string& folder) {
  GOFARM_RETURN_IF_ERROR_CTX(exec::RemoveTree(folder), Cat("clear ", folder));
  return io::MakeFolders(folder, 0700);
}

// What `worker list` shows, gathered by a thread of its own so that the agent never waits for a disk; it also keeps the
// cache within its budget.
class CacheKeeper {
 public:
  CacheKeeper(const AppConfig& config, const fetch::CacheLayout& cache, const fetch::ToolchainStore& toolchains,
              fetch::ModuleFetcher& fetcher, watch::WorkerMetrics& metrics)
      : metrics_(metrics),
        limits_{.mod_bytes = config.module_cache_bytes,
                .gocache_bytes = config.shared_cache_bytes,
                .free_floor = kFreeFloor},
        cache_(cache),
        toolchains_(toolchains),
        fetcher_(fetcher),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  // Of these toolsets the toolchains are shown; the cache may hold others.
  void Know(const std::vector<Toolset>& toolsets) {
    absl::MutexLock lock(&mutex_);
    for (const Toolset& toolset : toolsets) {
      for (const Archive& archive : toolset.archives) {
        const bool previous = archive.kind == "go" && archive.version == toolset.previous_go;
        (previous ? known_previous_ : known_).insert(archive.sha256);
      }
    }
  }

  void Fill(WorkerReport& snapshot) {
    absl::MutexLock lock(&mutex_);
    // What jobs are built with as a rule comes before what only repairs use.
    for (const auto* known : {&known_, &known_previous_}) {
      for (const fetch::InstalledToolchain& t : installed_) {
        if (known->contains(t.sha256)) snapshot.toolchains.push_back({t.kind, t.version, t.path, t.sha256});
      }
    }
    snapshot.cache_bytes = cache_bytes_;
  }

 private:
  void Run(const std::stop_token& stop) {
    absl::Time cache_at = SteadyNow() + kFirstCacheLook;
    do {
      std::vector<fetch::InstalledToolchain> installed = toolchains_.List();
      {
        absl::MutexLock guard(&mutex_);
        installed_ = std::move(installed);
      }
      const absl::StatusOr<int64_t> free = io::FreeBytes(cache_.root());
      const bool is_short =
          free.ok() && *free < kFreeFloor && SteadyNow() >= cache_at - kCacheInterval + kShortInterval;
      if (SteadyNow() >= cache_at || is_short) {
        LookAtCache(stop);
        cache_at = SteadyNow() + kCacheInterval;
      }
    } while (sync::SleepFor(stop, kToolchainsInterval));
  }

  void LookAtCache(const std::stop_token& stop) {
    // Also when it stands within its budgets: what killed processes left goes too.
    const auto pruned = fetcher_.Prune(Scope::For(kPruneMax, stop), limits_);
    if (stop.stop_requested()) return;
    if (!pruned.ok()) {
      obs::Warn("cache_prune_failed", {{"error", pruned.status().ToString()}});
    } else if (pruned->bytes > 0) {
      obs::Info("cache_pruned", {{"bytes", Cat(pruned->bytes)},
                                 {"modules", Cat(pruned->modules)},
                                 {"gocache_entries", Cat(pruned->gocache_entries)},
                                 {"gocache_foreign_files", Cat(pruned->gocache_foreign_files)},
                                 {"listings", Cat(pruned->listings)}});
    }
    const fetch::CacheSizes sizes = fetch::MeasureCache(cache_);
    metrics_.CacheBytes({{CacheKind::kModules, sizes.mod},
                         {CacheKind::kListings, sizes.listings},
                         {CacheKind::kGocache, sizes.gocache},
                         {CacheKind::kSeeds, sizes.seeds},
                         {CacheKind::kToolchains, sizes.toolchains}});
    absl::MutexLock lock(&mutex_);
    cache_bytes_ = sizes.Total();
  }

  watch::WorkerMetrics& metrics_;
  const fetch::PruneLimits limits_;
  const fetch::CacheLayout& cache_;
  const fetch::ToolchainStore& toolchains_;
  fetch::ModuleFetcher& fetcher_;
  absl::Mutex mutex_;
  std::set<std::string> known_ ABSL_GUARDED_BY(mutex_);           // by SHA-256
  std::set<std::string> known_previous_ ABSL_GUARDED_BY(mutex_);  // toolsets' previous Go
  std::vector<fetch::InstalledToolchain> installed_ ABSL_GUARDED_BY(mutex_);
  int64_t cache_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::jthread thread_;
};

fetch::ArchiveDoor ArchivesThrough(const upload::Uplink& uplink) {
  return [&uplink](const Scope& scope, const Archive& archive, const std::string& path,
                   const fetch::FetchProgress& progress) {
    const std::string step = Cat("downloading ", archive.kind, " ", archive.version, " from the coordinator");
    return upload::DownloadArchive(scope, uplink, archive.sha256, path, [&](int64_t done, int64_t total) {
      if (progress) progress(step, done, total);
    });
  };
}

absl::Status RunUntilStopped(const AppConfig& config, const std::stop_token& stop, const std::stop_token& hurry) {
  for (const std::string& folder : {config.cache_dir, config.work_dir}) {
    GOFARM_ASSIGN_OR_RETURN(const bool own, io::MakePrivateFolder(folder, {"toolchains", "lock"}));
    if (!own) obs::Warn("folder_is_open_to_others", {{"folder", folder}});
  }
  auto lock = io::FileLock::TryAcquire(config.work_dir + "/lock");
  if (!lock.ok() && !absl::IsUnavailable(lock.status())) return lock.status();  // a full disk, say
  if (!lock.ok()) {
    return absl::FailedPreconditionError(Cat("another worker uses ", config.work_dir,
                                             "; give each one a work_dir of its own (", lock.status().ToString(), ")"));
  }
  const std::string spool = config.work_dir + "/spool";
  const std::string scratch = config.work_dir + "/fetch";
  const std::string seeding = config.work_dir + "/seed";
  const std::string probing = config.work_dir + "/probe";
  for (const std::string& folder : {spool, scratch, seeding, probing}) GOFARM_RETURN_IF_ERROR(FreshFolder(folder));

  GOFARM_ASSIGN_OR_RETURN(const std::string self, process::SelfExecutable());
  const exec::Sandbox sandbox({.self_exe = self, .probe_folder = probing});
  const absl::Status isolation = sandbox.Probe(Scope::For(kProbeMax, stop));
  if (stop.stop_requested()) return absl::OkStatus();
  // The agent reports a full disk as any other; builds wait until a later look has shown that they can be
  // isolated.
  const bool unproven = absl::IsResourceExhausted(isolation);
  if (!isolation.ok())
    obs::Error(unproven ? "disk_full" : "cannot_isolate", {{"why", std::string(isolation.message())}});

  const PlaceOptions place{.folder = Cat(config.identity_dir, "/", config.name),
                           .join = config.join,
                           .names = {.wanted = config.named ? config.name : "", .usual = config.name},
                           .addresses = config.coordinators};
  std::optional<rpc::Membership> member;
  if (!config.identity_dir.empty()) {
    // A host that could build nothing burns no token; one that belongs to a farm already shows there what it lacks.
    if (!isolation.ok() && !unproven && absl::IsNotFound(rpc::ReadMembership(place.folder).status())) {
      GOFARM_RETURN_IF_ERROR(Verdicts(JudgeHost(ReadHost(config, isolation))));
    }
    GOFARM_ASSIGN_OR_RETURN(member, FindPlace(Scope{absl::InfiniteFuture(), stop}, place));
  }
  const std::string& name = member ? member->name : config.name;

  if (io::FindCaBundle().empty()) obs::Warn("no_certificates", {{"what", io::NoCaBundle()}});
  const fetch::CacheLayout cache(config.cache_dir);
  GOFARM_ASSIGN_OR_RETURN(const config::ToolsetFile built_in, config::BuiltInToolsets());
  upload::Uplink uplink;
  // Over the socket of one machine the coordinator has no other way to the world than this worker.
  const fetch::CoordinatorArchives of_coordinator{.door = ArchivesThrough(uplink), .first = member.has_value()};
  const fetch::ProxySettings no_proxy{fetch::ProxyEnvironment{}};
  fetch::ToolchainStore first(no_proxy, cache, built_in.bootstrap, of_coordinator);
  fetch::ProxySettings proxy(config.proxy, fetch::ProxyOfProcess(),
                             [&first](const Scope& scope) { return ProxyOfGo(scope.Within(kFindProxyMax), first); });
  fetch::ToolchainStore toolchains(proxy, cache, built_in.bootstrap, of_coordinator);
  fetch::ModuleFetcher fetcher(proxy, cache, scratch, {.memory_bytes = config.memory_bytes_per_slot});
  watch::WorkerMetrics figures(config.slots);
  CacheKeeper keeper(config, cache, toolchains, fetcher, figures);
  build::Seeder seeder({.targets = config.targets,
                        .work_dir = seeding,
                        .cores = config.cores,
                        .seed_ended = [&figures](bool made) { figures.SeedEnded(made); }},
                       cache, toolchains, sandbox);
  build::LocalRunner runner({.work_dir = config.work_dir,
                             .cores = config.cores,
                             .slots = config.slots,
                             .memory_bytes_per_slot = config.memory_bytes_per_slot,
                             .smoke = config.smoke},
                            cache, fetcher, seeder, sandbox);
  watch::MeteredRunner metered(runner, figures);
  // When the certificate of this worker's identity ends, in Unix seconds; 0: it has none.
  std::atomic<int64_t> certificate_ends = member ? absl::ToUnixSeconds(member->expires_at) : 0;
  agent::AgentOptions options;
  options.name = name;
  options.coordinators = config.coordinators;
  std::atomic<PlaceKeeper*> doubts = nullptr;
  if (member) {
    if (options.coordinators.empty()) options.coordinators = member->addresses;
    options.credentials = member->AsCredentials();
    options.unauthenticated = [&doubts](const absl::Status&) {
      if (PlaceKeeper* const keeper = doubts.load()) keeper->Doubt();
    };
  }
  options.host_arch = fetch::ToolchainStore::HostArch();
  options.build_version = kVersion;
  options.targets = config.targets;
  options.slots = config.slots;
  options.labels = config.labels;
  options.drain_max = config.drain_timeout;
  options.memory_bytes_per_slot = config.memory_bytes_per_slot;
  options.isolation_error = isolation.ok() || unproven ? "" : std::string(isolation.message());
  options.isolation_unproven = unproven;
  options.spool_folder = spool;
  options.watched_disks = {config.work_dir, config.cache_dir};
  options.uplink = &uplink;
  options.go_settings_known = [&proxy](const goproxy::Settings& go) {
    // goproxy::Check passed: it is a list, or empty.
    proxy.Welcomed({.goproxy = goproxy::ParseWithoutDirect(go.goproxy).value_or(goproxy::List{}),
                    .gosumdb = go.gosumdb,
                    .gonosumdb = go.gonosumdb,
                    .goprivate = go.goprivate});
  };
  options.toolsets_known = [&](const std::vector<Toolset>& toolsets) {
    keeper.Know(toolsets);
    for (const Toolset& toolset : toolsets) seeder.AddToolset(toolset);
  };
  options.snapshot = [&] {
    WorkerReport snapshot;
    keeper.Fill(snapshot);
    snapshot.readiness = seeder.Readiness();
    const watch::HostNow host = watch::ReadHostNow();
    const int64_t ends = certificate_ends;
    snapshot.figures =
        WorkerFigures{.memory_free_bytes = host.memory_free_bytes,
                      .load = host.load,
                      .certificate_left_seconds =
                          ends == 0 ? 0 : std::max(0.0, absl::ToDoubleSeconds(absl::FromUnixSeconds(ends) - WallNow())),
                      .caches = figures.Caches()};
    snapshot.scrape_address = config.scrape_address;
    return snapshot;
  };
  obs::Info("worker_ready", {{"name", name},
                             {"version", kVersion},
                             {"slots", Cat(config.slots)},
                             {"memory_bytes_per_slot", Cat(config.memory_bytes_per_slot)},
                             {"cache_dir", config.cache_dir},
                             {"work_dir", config.work_dir}});
  options.session_changed = [&figures](bool open) { figures.Connected(open); };
  std::unique_ptr<http::HttpServer> listener;
  if (!config.metrics.address.empty()) {
    GOFARM_ASSIGN_OR_RETURN(listener, watch::ListenForScrapes(config.metrics, [&](metrics::Format format) {
                              for (const auto& [folder, path] :
                                   {std::pair("work", config.work_dir), std::pair("cache", config.cache_dir)}) {
                                if (const absl::StatusOr<int64_t> free = io::FreeBytes(path); free.ok())
                                  figures.DiskFree(folder, *free);
                              }
                              return metrics::Write(figures.Collect("gofarm-worker", kVersion), format);
                            }));
    obs::Info("metrics_listens", {{"address", config.metrics.address}, {"port", Cat(listener->port())}});
  }
  agent::Agent agent(std::move(options), &metered);
  const IsolationWatch watch({.probe = [&](const Scope& scope) { return sandbox.Probe(scope); },
                              .changed =
                                  [&](const absl::Status& now) {
                                    if (now.ok()) {
                                      obs::Info("can_isolate_again", {});
                                    } else {
                                      obs::Error("cannot_isolate", {{"why", std::string(now.message())}});
                                    }
                                    agent.IsolationChanged(now.ok() ? "" : std::string(now.message()));
                                  },
                              .probe_max = kProbeMax},
                             isolation);
  if (!member) {
    agent.Run(stop, hurry);
    return absl::OkStatus();
  }
  // Whom the farm lets in no more ends as by a stop in a hurry: nobody would take what he builds.
  std::stop_source ends, hurries;
  const std::stop_callback with_us(stop, [&ends] { ends.request_stop(); });
  const std::stop_callback hurry_with_us(hurry, [&hurries] { hurries.request_stop(); });
  absl::Mutex mutex;
  absl::Status lost;
  PlaceKeeper place_keeper(place, *member,
                           {.renewed =
                                [&](const rpc::Membership& now) {
                                  certificate_ends = absl::ToUnixSeconds(now.expires_at);
                                  agent.CredentialsChanged(now.AsCredentials());
                                },
                            .lost =
                                [&](const absl::Status& why) {
                                  absl::MutexLock guard(&mutex);
                                  lost = why;
                                  ends.request_stop();
                                  hurries.request_stop();
                                }});
  doubts = &place_keeper;
  agent.Run(ends.get_token(), hurries.get_token());
  doubts = nullptr;
  absl::MutexLock guard(&mutex);
  return lost;
}

}  // namespace

int CheckHost(const AppConfig& config, bool json) {
  obs::InitLog("gofarm-worker", obs::Level::kError);
  const absl::StatusOr<std::string> self = process::SelfExecutable();
  // Where the worker's own folder is not there yet, on the disk of temporary files.
  const bool has_folder = ::access(config.work_dir.c_str(), W_OK | X_OK) == 0;
  const absl::Status isolation =
      self.ok() ? exec::Sandbox({.self_exe = *self, .probe_folder = has_folder ? config.work_dir : ""})
                      .Probe(Scope::For(kProbeMax))
                : self.status();
  const std::vector<HostFinding> findings = JudgeHost(ReadHost(config, isolation));
  const std::string text = ShowFindings(findings, json);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return ExitCodeOf(Verdicts(findings));
}

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kResourceExhausted:
      return kExitWrong;
    case absl::StatusCode::kDataLoss:
      return kExitDamaged;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnreachable;
    default:
      return kExitInternal;
  }
}

int RunWorker(const AppConfig& config, sync::StopSignals& signals) {
  obs::InitLog("gofarm-worker", config.log_level);
  if (const absl::StatusOr<int64_t> files = process::RaiseOpenFilesLimit(); !files.ok()) {
    obs::Warn("open_files_limit", {{"error", std::string(files.status().message())}});
  }
  if (const absl::Status none = process::ForbidCoreDumps(); !none.ok()) {
    obs::Warn("core_dumps", {{"error", std::string(none.message())}});
  }
  const absl::Status status = RunUntilStopped(config, signals.token(), signals.hurry());
  if (!status.ok() && !signals.token().stop_requested()) {
    obs::Error("worker_failed", {{"error", status.ToString()}});
    return ExitCodeOf(status);
  }
  obs::Info("worker_stopped", {{"name", config.name}});
  return kExitOk;
}

}  // namespace gofarm::worker
