#include "cli/embedded/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "cli/embedded/farm_file.h"
#include "cli/embedded/kept_settings.h"
#include "cli/embedded/log_tail.h"
#include "cli/embedded/restart_policy.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "common/process/limits.h"

namespace gofarm::embedded {
namespace {

constexpr absl::Duration kLockPatience = absl::Seconds(3);
constexpr absl::Duration kInitPatience = absl::Minutes(3);
constexpr absl::Duration kOrphanGrace = absl::Seconds(1);
constexpr absl::Duration kOrphanWatch = absl::Seconds(15);
constexpr absl::Duration kLogCheck = absl::Seconds(30);
constexpr absl::Duration kFarmFileRetry = absl::Seconds(5);
constexpr int kTickMs = 100;
constexpr char kWorkerHttp[] = "GOFARM_WORKER_HTTP";

process::Variables WorkerEnvironment(int number) {
  const char* const http = std::getenv(kWorkerHttp);
  if (http == nullptr) return process::InheritedEnvironment();
  return process::InheritedWith({{kWorkerHttp, WorkerHttp(http, number)}});
}

struct Part {
  PartState shown;
  RestartPolicy policy;
  absl::Time started_at;
  std::string last_end;
  std::function<process::DaemonSpec()> command;
  int stop_signal = SIGTERM;
  absl::Duration stop_patience;
  bool started_before = false;
  bool stop_sent = false;
  bool killed = false;

  bool alive() const { return shown.process.pid != 0; }
};

std::string HowItEnded(int status) {
  if (WIFEXITED(status)) return Cat("exit code ", WEXITSTATUS(status));
  return Cat("killed by signal ", WTERMSIG(status), " (", strsignal(WTERMSIG(status)), ")");
}

class Supervisor {
 public:
  explicit Supervisor(const SupervisorOptions& options);
  absl::Status Run();

 private:
  void AddWorkers(int count);
  std::vector<Part*> Parts();
  void ReadSignals();
  void Reload();
  void Reap();
  void Ended(Part& part, int status);
  void Start(Part& part);
  bool Due(const Part& part) const { return !part.alive() && now_ >= part.policy.next_start(); }
  void KeepRunning();
  // True once everything has ended.
  bool KeepStopping();
  bool Stopped(Part& part);
  void SweepOrphans();
  void RotateLogs();
  void CheckFolder();
  void Show();

  const SupervisorOptions options_;
  absl::Time now_ = SteadyNow();
  std::mt19937_64 random_{std::random_device{}()};
  io::Fd signals_;
  bool stopping_ = false;
  bool hurry_ = false;
  bool was_running_ = false;
  absl::Time stop_stage_at_;
  absl::Time orphans_from_ = absl::InfiniteFuture();
  absl::Time orphans_until_ = absl::InfinitePast();
  absl::Time logs_checked_at_ = absl::InfinitePast();
  ino_t lock_inode_ = 0;
  bool folder_gone_ = false;
  Part postgres_;
  Part coordinator_;
  std::deque<Part> workers_;
  FarmFile farm_;
  std::string written_;
  absl::Time farm_file_not_before_ = absl::InfinitePast();
};

Supervisor::Supervisor(const SupervisorOptions& options) : options_(options) {
  const FarmPaths& paths = options_.paths;
  postgres_.shown.name = "postgres";
  postgres_.command = [this] { return PostgresCommand(options_.postgres, options_.paths); };
  postgres_.stop_signal = SIGINT;
  postgres_.stop_patience = kPostgresStop;
  coordinator_.shown.name = "coordinator";
  coordinator_.command = [this, &paths] {
    return process::DaemonSpec{
        .argv = {options_.coordinator_exe, "--config", paths.CoordinatorConfig(), "--dir", paths.dir},
        // They name files, maybe from another folder, and stand in the configuration.
        .environment = process::InheritedEnvironment(VariablesOf(WebhookGroup())),
        .log_file = paths.LogOf("coordinator"),
        .death_signal = SIGTERM};
  };
  coordinator_.stop_patience = kCoordinatorStop;
  AddWorkers(options_.settings.workers.value_or(1));
  farm_.dir = paths.dir;
  farm_.run = paths.run;
  farm_.grpc_address = paths.GrpcAddress();
  farm_.http_url = Cat("http://127.0.0.1:", options_.settings.http_port);
  farm_.cache_dir = options_.settings.cache_dir;
  farm_.started_at = WallNow();
  farm_.supervisor = process::Identify(getpid());
}

void Supervisor::AddWorkers(int count) {
  while (static_cast<int>(workers_.size()) < count) {
    const int number = static_cast<int>(workers_.size()) + 1;
    Part& worker = workers_.emplace_back();
    worker.shown.name = FarmPaths::WorkerName(number);
    worker.command = [this, number] {
      const FarmPaths& paths = options_.paths;
      return process::DaemonSpec{
          // Who takes a farm down does not wait for its builds: they go back to the queue, and the next `up` goes on.
          .argv = {options_.worker_exe, "--config", paths.WorkerConfig(number), "--dir", paths.dir, "--drain-timeout",
                   "0s"},
          .environment = WorkerEnvironment(number),
          .log_file = paths.LogOf(FarmPaths::WorkerName(number)),
          .death_signal = SIGTERM};
    };
    worker.stop_patience = kWorkerStop;
  }
}

std::vector<Part*> Supervisor::Parts() {
  std::vector<Part*> parts{&postgres_, &coordinator_};
  for (Part& worker : workers_) parts.push_back(&worker);
  return parts;
}

void Supervisor::ReadSignals() {
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP) {
      Reload();
    } else if ((info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) && !stopping_) {
      obs::Info("farm_stopping", {{"signal", Cat(info.ssi_signo)}});
      stopping_ = true;
      stop_stage_at_ = now_;
    } else if (info.ssi_signo == SIGINT) {
      hurry_ = true;  // Ctrl-C again
    }
  }
}

void Supervisor::Reload() {
  const absl::StatusOr<Settings> settings = ReadSettings(options_.paths);
  if (!settings.ok()) {
    obs::Warn("settings_unreadable", {{"error", settings.status().ToString()}});
    return;
  }
  const int workers = settings->workers.value_or(1);
  obs::Info("settings_read", {{"workers", Cat(workers)}});
  AddWorkers(workers);
  for (Part* part : Parts()) {
    if (!part->alive()) part->policy.Forgive();
  }
}

void Supervisor::Reap() {
  int status = 0;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    for (Part* part : Parts()) {
      if (part->shown.process.pid == pid) Ended(*part, status);
    }
  }
}

void Supervisor::Ended(Part& part, int status) {
  part.shown.process = {};
  part.last_end = HowItEnded(status);
  // Whatever it leaves behind is ours now; decent programs end by themselves.
  orphans_from_ = now_ + kOrphanGrace;
  orphans_until_ = now_ + kOrphanWatch;
  if (stopping_) {
    part.shown.state = "down";
    part.shown.detail.clear();
    obs::Info("part_stopped", {{"part", part.shown.name}, {"how", part.last_end}});
    return;
  }
  part.policy.Failed(now_, std::uniform_real_distribution<double>(0, 1)(random_));
  part.shown.state = "restarting";
  obs::Warn("part_ended", {{"part", part.shown.name},
                           {"how", part.last_end},
                           {"failures", Cat(part.policy.failures())},
                           {"next_start_s", Cat(absl::ToDoubleSeconds(part.policy.next_start() - now_))}});
}

void Supervisor::Start(Part& part) {
  const absl::StatusOr<process::ProcessId> process = process::SpawnDaemon(part.command());
  if (part.started_before) ++part.shown.restarts;
  part.started_before = true;
  part.started_at = now_;
  if (!process.ok()) {
    part.last_end = std::string(process.status().message());
    part.policy.Started(now_);
    part.policy.Failed(now_, std::uniform_real_distribution<double>(0, 1)(random_));
    part.shown.state = "restarting";
    obs::Error("part_not_started", {{"part", part.shown.name}, {"error", part.last_end}});
    return;
  }
  part.shown.process = *process;
  part.shown.state = &part == &postgres_ ? "starting" : "running";
  part.policy.Started(now_);
  obs::Info("part_started", {{"part", part.shown.name}, {"pid", Cat(process->pid)}});
}

void Supervisor::KeepRunning() {
  if (Due(postgres_)) {
    RemoveStaleLocks(options_.paths);
    if (const absl::Status written = WritePostgresConfig(options_.paths); !written.ok()) {
      obs::Warn("postgres_config", {{"error", written.ToString()}});
    }
    Start(postgres_);
  }
  if (postgres_.alive() && postgres_.shown.state == "starting" &&
      PostgresIsReady(options_.paths, postgres_.shown.process)) {
    postgres_.shown.state = "running";
    obs::Info("postgres_ready", {{"pid", Cat(postgres_.shown.process.pid)}});
  }
  // A coordinator that runs lives through a restart of PostgreSQL; one that starts needs it.
  if (Due(coordinator_) && postgres_.shown.state == "running") Start(coordinator_);
  for (Part& worker : workers_) {
    if (Due(worker) && coordinator_.started_before) Start(worker);
  }
}

bool Supervisor::Stopped(Part& part) {
  if (!part.alive()) {
    part.shown.state = "down";
    part.shown.detail.clear();
    return true;
  }
  part.shown.state = "stopping";
  const bool is_postgres = &part == &postgres_;
  if (!part.stop_sent) {
    part.stop_sent = true;
    process::SendSignal(part.shown.process, part.stop_signal);
  } else if ((hurry_ && !is_postgres) ||
             now_ - stop_stage_at_ > part.stop_patience + (is_postgres ? kPostgresQuit : absl::ZeroDuration())) {
    if (!part.killed) obs::Warn("part_killed", {{"part", part.shown.name}});
    part.killed = true;
    process::SendSignal(part.shown.process, SIGKILL);
  } else if (is_postgres && now_ - stop_stage_at_ > part.stop_patience) {
    process::SendSignal(part.shown.process, SIGQUIT);
  }
  return false;
}

bool Supervisor::KeepStopping() {
  // Workers first: their builds end as lost while the coordinator still runs and puts them back in the
  // queue.
  bool stopped = true;
  for (Part& worker : workers_) stopped = Stopped(worker) && stopped;
  if (!stopped) return false;
  for (Part* part : {&coordinator_, &postgres_}) {
    if (part->alive() && !part->stop_sent) stop_stage_at_ = now_;
    if (!Stopped(*part)) return false;
  }
  orphans_from_ = now_;
  orphans_until_ = now_ + kOrphanWatch;
  return process::DescendantsOf({farm_.supervisor}).empty();
}

void Supervisor::SweepOrphans() {
  if (now_ < orphans_from_ || now_ > orphans_until_) return;
  for (const process::ProcessId& child : process::ChildrenOfSelf()) {
    bool ours = false;
    for (const Part* part : Parts()) ours = ours || part->shown.process.pid == child.pid;
    if (!ours && process::SendSignal(child, SIGKILL)) obs::Info("orphan_killed", {{"pid", Cat(child.pid)}});
  }
}

void Supervisor::RotateLogs() {
  if (now_ - logs_checked_at_ < kLogCheck) return;
  logs_checked_at_ = now_;
  std::vector<std::string> names{"supervisor"};
  for (const Part* part : Parts()) names.push_back(part->shown.name);
  for (const std::string& name : names) {
    if (const absl::Status done = RotateLog(options_.paths.LogOf(name), kLogFileMax); !done.ok()) {
      obs::Warn("log_not_rotated", {{"error", done.ToString()}});
    }
  }
}

// A farm whose folder was removed or moved away could never be found again, nor taken down.
void Supervisor::CheckFolder() {
  if (stopping_) return;
  struct stat info {};
  const bool there = stat(options_.paths.LockFile().c_str(), &info) == 0;
  if (there ? info.st_ino == lock_inode_ : (errno != ENOENT && errno != ENOTDIR)) return;
  obs::Error("farm_folder_gone", {{"dir", options_.paths.dir}});
  folder_gone_ = true;
  stopping_ = true;
  stop_stage_at_ = now_;
}

void Supervisor::Show() {
  bool all_running = true;
  bool some_crashing = false;
  for (Part* part : Parts()) {
    PartState& shown = part->shown;
    const bool healthy = part->alive() && now_ - part->started_at >= kHealthyAfter;
    if (!stopping_ && part->policy.failures() > 0 && !healthy) {
      if (shown.detail.empty() || !part->alive()) {
        shown.detail = Cat("ended ", part->policy.failures(),
                           part->policy.failures() == 1 ? " time" : " times in a row", ", last: ", part->last_end);
        const std::string line = LastLine(options_.paths.LogOf(shown.name));
        if (!line.empty()) shown.detail += Cat("; last line of its log: ", Clip(line, 300));
      }
      some_crashing = some_crashing || part->policy.crashing();
    } else {
      shown.detail.clear();
    }
    all_running = all_running && part->alive() && shown.state == "running";
  }
  was_running_ = was_running_ || all_running;
  if (stopping_) {
    farm_.state = "stopping";
  } else if (some_crashing || (was_running_ && !all_running)) {
    farm_.state = "degraded";
  } else {
    farm_.state = all_running ? "running" : "starting";
  }
  farm_.postgres = postgres_.shown;
  farm_.coordinator = coordinator_.shown;
  farm_.workers.clear();
  for (const Part& worker : workers_) farm_.workers.push_back(worker.shown);
  std::string text = ToJson(farm_);
  if (text == written_ || now_ < farm_file_not_before_) return;
  // What stands at the old place may be a new farm by now: looked at again, parts may just have taken a while to start.
  CheckFolder();
  if (folder_gone_) return;
  if (const absl::Status written = WriteFarmFile(options_.paths.FarmFile(), farm_); !written.ok()) {
    // A full disk: no line for every tick, which would go to that disk too.
    obs::Error("farm_file_not_written", {{"error", written.ToString()}});
    farm_file_not_before_ = now_ + kFarmFileRetry;
    return;
  }
  written_ = std::move(text);
}

absl::Status Supervisor::Run() {
  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, s);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signals_ = io::Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return ErrnoStatus(errno, "signalfd");
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return ErrnoStatus(errno, "prctl(PR_SET_CHILD_SUBREAPER)");

  // `up`, `down` and `status` may hold it for a moment to see whether anybody does.
  absl::StatusOr<io::FileLock> lock = io::FileLock::TryAcquire(options_.paths.LockFile());
  for (const absl::Time deadline = now_ + kLockPatience;
       absl::IsUnavailable(lock.status()) && SteadyNow() < deadline;) {
    absl::SleepFor(absl::Milliseconds(50));
    lock = io::FileLock::TryAcquire(options_.paths.LockFile());
  }
  if (!lock.ok()) return Annotate(lock.status(), Cat("another supervisor runs the farm in ", options_.paths.dir));
  struct stat locked {};
  if (stat(options_.paths.LockFile().c_str(), &locked) != 0) return ErrnoStatus(errno, "look at the farm's lock");
  lock_inode_ = locked.st_ino;

  obs::Info("supervisor_started", {{"dir", options_.paths.dir},
                                   {"pid", Cat(getpid())},
                                   {"postgres", options_.postgres.folder},
                                   {"workers", Cat(workers_.size())}});
  Show();
  GOFARM_RETURN_IF_ERROR(InitCluster(Scope::For(kInitPatience), options_.postgres, options_.paths));
  while (true) {
    now_ = SteadyNow();
    ReadSignals();
    Reap();
    SweepOrphans();
    CheckFolder();
    if (!stopping_) {
      KeepRunning();
    } else if (KeepStopping()) {
      break;
    }
    RotateLogs();
    Show();
    pollfd fd{signals_.get(), POLLIN, 0};
    poll(&fd, 1, kTickMs);
  }
  if (folder_gone_) {
    // Sockets in another place than the folder, unless a new farm of that name has them.
    if (access(options_.paths.LockFile().c_str(), F_OK) != 0) (void)io::RemoveTree(options_.paths.run);
    return absl::NotFoundError(Cat("the farm's folder ", options_.paths.dir, " is gone; everything was stopped"));
  }
  if (const absl::Status removed = io::RemoveTree(options_.paths.run); !removed.ok()) {
    obs::Warn("run_folder_left", {{"error", removed.ToString()}});
  }
  farm_ = FarmFile{.dir = farm_.dir, .cache_dir = farm_.cache_dir};
  obs::Info("farm_down", {{"dir", options_.paths.dir}});
  return WriteFarmFile(options_.paths.FarmFile(), farm_);
}

}  // namespace

absl::Status RunSupervisor(const SupervisorOptions& options) {
  if (const absl::StatusOr<int64_t> files = process::RaiseOpenFilesLimit(); !files.ok()) {
    obs::Warn("open_files_limit", {{"error", std::string(files.status().message())}});
  }
  return Supervisor(options).Run();
}

}  // namespace gofarm::embedded
