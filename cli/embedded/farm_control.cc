#include "cli/embedded/farm_control.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "cli/embedded/kept_settings.h"
#include "cli/embedded/log_tail.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/process/program.h"
#include "common/process/spawn.h"
#include "common/rpc/listen_addresses.h"
#include "common/sync/wait.h"

namespace gofarm::embedded {
namespace {

constexpr char kNone[] = "none";
constexpr absl::Duration kStartPatience = absl::Seconds(10);
constexpr absl::Duration kKillPatience = absl::Seconds(10);
constexpr absl::Duration kLockPatience = absl::Seconds(3);
constexpr absl::Duration kPoll = absl::Milliseconds(50);

int64_t MemoryBytes() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  return static_cast<int64_t>(pages) * page;
}

absl::Status WriteConfigs(const FarmPaths& paths, const Settings& settings, const GoSettings& go,
                          const KeptSettings& catalog, const KeptSettings& webhooks) {
  const bool has_toolsets = access(paths.ToolsetsFile().c_str(), R_OK) == 0;
  GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(
      paths.CoordinatorConfig(),
      Cat(SettingsToml(WebhookGroup(), webhooks), CoordinatorToml(paths, settings, go, has_toolsets),
          SettingsToml(CatalogGroup(), catalog)),
      0600));
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const int workers = settings.workers.value_or(1);
  const WorkerShare share = ShareOfWorker(workers, cores, MemoryBytes());
  // The first one's also where none runs: it keeps the farm's proxies (KeptGoSettings).
  for (int n = 1; n <= std::max(1, workers); ++n) {
    GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(paths.WorkerConfig(n), WorkerToml(paths, settings, go, n, share), 0600));
  }
  return absl::OkStatus();
}

std::vector<process::ProcessId> Living(const std::vector<process::ProcessId>& processes) {
  std::vector<process::ProcessId> living;
  std::copy_if(processes.begin(), processes.end(), std::back_inserter(living), process::IsAlive);
  return living;
}

// SIGKILL for all of them; the error names what is still there after a while.
absl::Status KillAll(const std::vector<process::ProcessId>& processes) {
  for (const process::ProcessId& process : processes) process::SendSignal(process, SIGKILL);
  const Scope scope = Scope::For(kKillPatience);
  std::string left;
  for (const process::ProcessId& process : processes) {
    if (!process::WaitUntilGone(scope, process)) left += Cat(left.empty() ? "" : ", ", process.pid);
  }
  if (left.empty()) return absl::OkStatus();
  return absl::InternalError(
      Cat("these processes do not end: ", left, "; the kernel holds them (ps -o stat,wchan,args -p ...)"));
}

// What a supervisor that was killed left behind, in the order of an orderly stop.
absl::Status EndLeftovers(const FarmFile& farm, const Say& say) {
  const std::vector<process::ProcessId> parts = Living(farm.Processes());
  if (parts.empty()) return absl::OkStatus();
  say(Cat("ending ", parts.size(), parts.size() == 1 ? " process" : " processes",
          " that a killed supervisor left behind"));
  std::vector<process::ProcessId> family = process::DescendantsOf(parts);
  family.insert(family.end(), parts.begin(), parts.end());
  const auto end = [](const PartState& part, int signal, const Scope& scope) {
    if (process::SendSignal(part.process, signal)) process::WaitUntilGone(scope, part.process);
  };
  const Scope workers = Scope::For(kWorkerStop);
  for (const PartState& worker : farm.workers) process::SendSignal(worker.process, SIGTERM);
  for (const PartState& worker : farm.workers) process::WaitUntilGone(workers, worker.process);
  end(farm.coordinator, SIGTERM, Scope::For(kCoordinatorStop));
  end(farm.postgres, SIGINT, Scope::For(kPostgresStop));
  return KillAll(Living(family));
}

// Whether the file describes a farm in another folder. After a move it names the old folder, which is gone: not
// another.
bool TellsOfAnother(const FarmFile& file, const std::string& dir) {
  struct stat named {
  }, here{};
  return stat(file.dir.c_str(), &named) == 0 && stat(dir.c_str(), &here) == 0 &&
         (named.st_dev != here.st_dev || named.st_ino != here.st_ino);
}

// Also what we may not look at: it is for the next step to say so.
bool Exists(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

// Paths go into TOML, a connection URL and PostgreSQL's configuration, and into logs: text on one line.
absl::Status CheckPrintable(const std::string& folder) {
  const std::string shown = EscapeForPrint(folder);
  if (shown == folder) return absl::OkStatus();
  return absl::InvalidArgumentError(
      Cat("\"", shown, "\": a farm's folders have names of UTF-8 without control characters"));
}

// A farm has its folder to itself: made private (mode 0700) it would shut others out of /tmp, a home or a project.
absl::Status CheckFarmFolder(const FarmPaths& paths) {
  if (!Exists(paths.dir) || Exists(paths.ControlLock()) || Exists(paths.LockFile()) || Exists(paths.FarmFile())) {
    return absl::OkStatus();
  }
  std::error_code error;
  if (!std::filesystem::is_directory(paths.dir, error)) {
    return absl::InvalidArgumentError(
        Cat(EscapeForPrint(paths.dir), " is no folder; name a new or empty one with --dir"));
  }
  for (std::filesystem::directory_iterator it(paths.dir, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    // What an operator, or the file system of a disk of its own, may have put there beforehand.
    if (name == "cache" || name == "lost+found" || it->path() == paths.ToolsetsFile()) continue;
    return absl::InvalidArgumentError(Cat(EscapeForPrint(paths.dir), " holds other things (", EscapeForPrint(name),
                                          ") and no farm; name a new or empty folder with --dir"));
  }
  if (error) return ErrnoStatus(error.value(), Cat("read folder ", EscapeForPrint(paths.dir)));
  return absl::OkStatus();
}

absl::Status TakeListen(const UpRequest& request, Settings& settings) {
  if (!request.listen.empty()) settings.listen = request.listen;
  if (!request.public_names.empty()) settings.public_names = request.public_names;
  if (request.listen == std::vector<std::string>{kNone}) {
    settings.listen.clear();
    settings.public_names.clear();
  }
  for (const std::string& address : settings.listen) {
    if (rpc::IsUnix(address)) {
      return absl::InvalidArgumentError(
          Cat("--listen ", EscapeForPrint(address), ": the farm has a socket of its own; write HOST:PORT"));
    }
  }
  if (!settings.listen.empty()) {
    GOFARM_RETURN_IF_ERROR_CTX(rpc::CheckListen(settings.listen, settings.public_names), "--listen");
  }
  if (settings.listen.empty() && !settings.public_names.empty()) {
    return absl::InvalidArgumentError("--public-name says how others reach --listen ADDR:PORT, which is missing");
  }
  return absl::OkStatus();
}

absl::StatusOr<io::FileLock> TakeTurn(const Scope& scope, const FarmPaths& paths, const Say& say) {
  bool announced = false;
  while (true) {
    absl::StatusOr<io::FileLock> turn = io::FileLock::TryAcquire(paths.ControlLock());
    if (turn.ok() || !absl::IsUnavailable(turn.status())) return turn;
    if (scope.Done()) {
      return absl::UnavailableError(
          Cat("another gofarm up or down is still at work on ", paths.dir, "; end it, or try again when it is done"));
    }
    if (!announced) say(Cat("another gofarm up or down is at work on ", paths.dir, "; waiting for it"));
    announced = true;
    sync::SleepFor(scope, kPoll);
  }
}

bool LockIsHeld(const FarmPaths& paths) {
  if (!Exists(paths.LockFile())) return false;
  return absl::IsUnavailable(io::FileLock::TryAcquire(paths.LockFile()).status());
}

// The lock is a supervisor's, and one that has just begun is named in the file in a moment. Whoever else holds it would
// keep ours from starting, and only its log would say so.
absl::Status WaitForLock(const Scope& scope, const FarmPaths& paths, FarmView& view) {
  for (; !view.supervised && LockIsHeld(paths); sync::SleepFor(scope, kPoll)) {
    GOFARM_ASSIGN_OR_RETURN(view, LookAt(paths.dir));
    if (!scope.Done()) continue;
    return absl::InternalError(Cat(paths.LockFile(),
                                   " is held by another process, which has not written what it runs (",
                                   paths.FarmFile(), "); see who it is with: fuser -v ", paths.LockFile()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FarmView> LookAt(const std::string& dir) {
  FarmView view;
  GOFARM_ASSIGN_OR_RETURN(std::optional<FarmFile> file, ReadFarmFile(dir));
  if (!file || TellsOfAnother(*file, dir)) return view;
  view.file = *std::move(file);
  view.supervised = process::IsAlive(view.file.supervisor);
  view.leftovers = !view.supervised && !Living(view.file.Processes()).empty();
  return view;
}

absl::StatusOr<SupervisorOptions> LoadFarm(const Scope& scope, const std::string& dir) {
  SupervisorOptions options;
  options.paths = PathsFor(dir);
  GOFARM_ASSIGN_OR_RETURN(options.coordinator_exe, process::FindSibling("gofarm-coordinator"));
  GOFARM_ASSIGN_OR_RETURN(options.worker_exe, process::FindSibling("gofarm-worker"));
  GOFARM_ASSIGN_OR_RETURN(options.postgres, FindPostgres(scope, options.paths.Cluster()));
  GOFARM_ASSIGN_OR_RETURN(options.settings, ReadSettings(options.paths));
  return options;
}

absl::StatusOr<Prepared> PrepareFarm(const Scope& scope, const UpRequest& request, const Environment& environment,
                                     const Say& say) {
  Prepared prepared;
  SupervisorOptions& options = prepared.options;
  GOFARM_RETURN_IF_ERROR(CheckPrintable(request.dir));
  for (const SettingsGroup* group : {&CatalogGroup(), &WebhookGroup()}) {
    GOFARM_RETURN_IF_ERROR(CheckSettings(*group, environment));
  }
  GOFARM_RETURN_IF_ERROR(CheckFarmFolder(PathsFor(request.dir)));
  if (const absl::Status made = MakeFarmFolder(request.dir); absl::IsNotFound(made) || absl::IsAlreadyExists(made)) {
    return absl::InvalidArgumentError(Cat(Sv(made.message()), "; name another folder with --dir"));
  } else if (!made.ok()) {
    return made;
  }
  GOFARM_ASSIGN_OR_RETURN(prepared.turn, TakeTurn(scope, PathsFor(request.dir), say));
  GOFARM_ASSIGN_OR_RETURN(options, LoadFarm(scope, request.dir));
  GOFARM_ASSIGN_OR_RETURN_CTX(FarmView view, LookAt(request.dir), "look at the farm");
  if (view.supervised && view.file.state == "stopping") {
    say(Cat("the farm in ", request.dir, " is just stopping; waiting until it is down"));
    if (!process::WaitUntilGone(scope.Within(kFarmStop), view.file.supervisor)) {
      return absl::InternalError(Cat("the farm in ", request.dir, " does not stop; end it with gofarm down"));
    }
    GOFARM_ASSIGN_OR_RETURN_CTX(view, LookAt(request.dir), "look at the farm");
  }
  GOFARM_RETURN_IF_ERROR(WaitForLock(scope.Within(kLockPatience), options.paths, view));
  prepared.running = view.supervised;
  if (view.leftovers) GOFARM_RETURN_IF_ERROR(EndLeftovers(view.file, say));
  if (view.supervised) options.paths.run = view.file.run;
  GOFARM_RETURN_IF_ERROR(MakeFarmFolders(options.paths));

  Settings& settings = options.settings;
  const Settings had = settings;
  settings.workers = request.workers ? *request.workers : had.workers.value_or(1);
  GOFARM_RETURN_IF_ERROR(TakeListen(request, settings));
  GOFARM_RETURN_IF_ERROR(TakePublic(request.public_listen, request.public_url, settings));
  std::string cache_dir = request.cache_dir;
  if (cache_dir.empty()) cache_dir = environment("GOFARM_CACHE_DIR").value_or("");
  if (cache_dir.empty()) cache_dir = settings.cache_dir;
  if (cache_dir.empty()) cache_dir = request.dir + "/cache";
  // Daemons run elsewhere.
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(cache_dir, error);
  if (error) return ErrnoStatus(error.value(), Cat("find the folder that ", cache_dir, " stands in"));
  cache_dir = absolute.lexically_normal().string();
  while (cache_dir.size() > 1 && cache_dir.back() == '/') cache_dir.pop_back();
  GOFARM_RETURN_IF_ERROR(CheckPrintable(cache_dir));
  if (prepared.running) {
    const int running = static_cast<int>(view.file.workers.size());
    if (*settings.workers < running) {
      say(Cat("the farm has ", running, running == 1 ? " worker and keeps it" : " workers and keeps them",
              "; fewer after gofarm down"));
      settings.workers = running;
    }
    const bool same = settings.listen == had.listen && settings.public_names == had.public_names &&
                      settings.public_listen == had.public_listen && settings.public_url == had.public_url;
    if (!same) {
      say("the farm keeps what it listens on until gofarm down");
      settings.listen = had.listen;
      settings.public_names = had.public_names;
      settings.public_listen = had.public_listen;
      settings.public_url = had.public_url;
    }
    if (cache_dir != view.file.cache_dir) {
      say(Cat("the farm keeps its cache folder ", view.file.cache_dir, " until gofarm down"));
      cache_dir = view.file.cache_dir;
    }
  }
  settings.cache_dir = cache_dir;
  GOFARM_RETURN_IF_ERROR(io::MakePrivateFolder(settings.cache_dir, {"toolchains"}).status());
  if (settings.http_port == 0 || (!prepared.running && !PortIsFree(settings.http_port))) {
    const int old = settings.http_port;
    GOFARM_ASSIGN_OR_RETURN(settings.http_port, ChooseHttpPort(request.dir));
    if (old != 0) say(Cat("port ", old, " is taken by another program; HTTP moves to ", settings.http_port));
  }
  GoSettings go;
  if (prepared.running) {
    GOFARM_ASSIGN_OR_RETURN(go, KeptGoSettings(options.paths));
    if (go.goproxy.empty()) {
      say(Cat(options.paths.WorkerConfig(1),
              " is missing: the running farm's proxies are taken from the environment anew"));
    }
  }
  if (go.goproxy.empty()) {
    GOFARM_ASSIGN_OR_RETURN(go, FindGoSettings(scope, environment, options.worker_exe, settings.cache_dir));
  } else {
    for (const std::string& line : IgnoredGoSettings(environment, go)) say(line);
  }
  const auto settings_of = [&](const SettingsGroup& group) -> absl::StatusOr<KeptSettings> {
    if (!prepared.running) return FindSettings(group, environment);
    GOFARM_ASSIGN_OR_RETURN(KeptSettings kept, ReadKeptSettings(group, options.paths));
    for (const std::string& line : IgnoredSettings(group, environment, kept)) say(line);
    return kept;
  };
  GOFARM_ASSIGN_OR_RETURN(const KeptSettings catalog, settings_of(CatalogGroup()));
  GOFARM_ASSIGN_OR_RETURN(const KeptSettings webhooks, settings_of(WebhookGroup()));
  GOFARM_RETURN_IF_ERROR(WriteSettings(options.paths, settings));
  GOFARM_RETURN_IF_ERROR(WriteConfigs(options.paths, settings, go, catalog, webhooks));
  return prepared;
}

absl::Status StartOrRepair(const Scope& scope, const Prepared& prepared) {
  const FarmPaths& paths = prepared.options.paths;
  if (prepared.running) {
    GOFARM_ASSIGN_OR_RETURN(const FarmView view, LookAt(paths.dir));
    if (process::SendSignal(view.file.supervisor, SIGHUP)) return absl::OkStatus();
    // It ended in between: start another.
  }
  GOFARM_ASSIGN_OR_RETURN(const std::string self, process::SelfExecutable());
  const std::string log = paths.LogOf("supervisor");
  const int64_t log_size = LogSize(log);
  GOFARM_RETURN_IF_ERROR(process::SpawnDetached({self, "up", "--foreground", "--supervise", "--dir", paths.dir}, log));
  const Scope wait = scope.Within(kStartPatience);
  while (!wait.Done()) {
    GOFARM_ASSIGN_OR_RETURN(const FarmView view, LookAt(paths.dir));
    if (view.supervised) return absl::OkStatus();
    sync::SleepFor(wait, kPoll);
  }
  return absl::InternalError(Cat("the supervisor did not start; the end of ", log, ":\n", Tail(log, 10, log_size)));
}

absl::StatusOr<bool> TakeDown(const std::string& dir, const Say& say) {
  const FarmPaths paths = PathsFor(dir);
  if (!Exists(paths.FarmFile()) && !Exists(paths.LockFile()) && !Exists(paths.ControlLock())) return false;
  const absl::StatusOr<io::FileLock> turn = TakeTurn(Scope::For(kTurnPatience), paths, say);
  if (absl::IsUnavailable(turn.status())) return absl::InternalError(turn.status().message());
  // Other failures (a full disk) must not keep a farm from being taken down.
  GOFARM_ASSIGN_OR_RETURN(FarmView view, LookAt(dir));
  GOFARM_RETURN_IF_ERROR(WaitForLock(Scope::For(kStartPatience), paths, view));
  if (!view.supervised && !view.leftovers) return false;
  if (view.supervised) {
    say(Cat("stopping the farm in ", dir, " (workers, coordinator, PostgreSQL)"));
    std::vector<process::ProcessId> family = process::DescendantsOf({view.file.supervisor});
    process::SendSignal(view.file.supervisor, SIGTERM);
    if (!process::WaitUntilGone(Scope::For(kFarmStop + absl::Seconds(10)), view.file.supervisor)) {
      say("it does not stop in time; killing it");
      const std::vector<process::ProcessId> now = process::DescendantsOf({view.file.supervisor});
      family.insert(family.end(), now.begin(), now.end());
      family.push_back(view.file.supervisor);
    }
    GOFARM_RETURN_IF_ERROR(KillAll(Living(family)));
  } else {
    GOFARM_RETURN_IF_ERROR(EndLeftovers(view.file, say));
  }
  const std::string run = view.file.run.empty() ? paths.run : view.file.run;
  GOFARM_RETURN_IF_ERROR(io::RemoveTree(run));
  // Nothing runs any more: a file that still names dead processes does no harm.
  if (const absl::Status written =
          WriteFarmFile(paths.FarmFile(), FarmFile{.dir = dir, .cache_dir = view.file.cache_dir});
      !written.ok()) {
    say(Cat("the farm is down, but: ", Sv(written.message())));
  }
  return true;
}

}  // namespace gofarm::embedded
