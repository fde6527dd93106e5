#include "worker/exec/run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/process/pipes.h"
#include "common/process/proc_fs.h"
#include "common/process/spawn.h"
#include "common/process/stop_wake.h"
#include "common/sync/wait.h"
#include "worker/exec/limit_watch.h"
#include "worker/exec/sampler.h"
#include "worker/exec/tree.h"

namespace gofarm::exec {
namespace {

constexpr absl::Duration kSampleInterval = absl::Milliseconds(100);
constexpr absl::Duration kFolderInterval = absl::Seconds(1);
// Looks follow each other within fractions of a second.
constexpr absl::Duration kGapMin = absl::Seconds(5);
constexpr int kFolderShare = 10;  // looking at the folders takes at most a tenth of one core
// How long the tree may take to die after SIGKILL, and when sandbox-init itself is helped along.
constexpr absl::Duration kDeathWait = absl::Seconds(5);
constexpr absl::Duration kHelpAfter = absl::Seconds(3);
constexpr size_t kControlMax = 65536;
constexpr size_t kTailMax = 4096;
constexpr int kReadsAtOnce = 8;

// Adds up the watched folders, and what the tree holds open without a name, in a thread of its own: a hostile tree of a
// million files must not keep the sampler waiting.
class FolderWatcher {
 public:
  FolderWatcher(const std::vector<std::string>& folders, pid_t root, int64_t limit) {
    if (folders.empty()) return;
    thread_ = std::jthread([=, this](const std::stop_token& stop) { Loop(folders, root, limit, stop); });
  }
  int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  void Loop(const std::vector<std::string>& folders, pid_t root, int64_t limit, const std::stop_token& stop) {
    absl::Duration pause = kFolderInterval;
    while (sync::SleepFor(stop, pause)) {
      const absl::Time started = SteadyNow();
      int64_t total = 0;
      for (const std::string& folder : folders) total += TreeBytes(folder, limit + 1, stop);
      if (total <= limit) total += OpenUnlinkedBytes(root, limit + 1 - total, stop);
      bytes_.store(total, std::memory_order_relaxed);
      pause = std::max(kFolderInterval, kFolderShare * (SteadyNow() - started));
    }
  }

  std::atomic<int64_t> bytes_{0};
  std::jthread thread_;  // last: its destructor stops and joins while the rest still lives
};

// A folder on each disk that a run can write to.
std::vector<std::string> WritableDisks(const SandboxSpec& spec) {
  std::vector<std::string> folders;
  std::vector<dev_t> seen;
  const auto add = [&](const std::string& folder) {
    struct stat st;
    if (stat(folder.c_str(), &st) != 0 || std::find(seen.begin(), seen.end(), st.st_dev) != seen.end()) return;
    seen.push_back(st.st_dev);
    folders.push_back(folder);
  };
  for (const BindMount& bind : spec.binds) {
    if (bind.writable) add(bind.source);
  }
  for (const OverlayMount& overlay : spec.overlays) add(overlay.scratch);
  return folders;
}

int64_t LeastFree(const std::vector<std::string>& folders) {
  int64_t least = INT64_MAX;
  for (const std::string& folder : folders) {
    if (const absl::StatusOr<int64_t> free = io::FreeBytes(folder); free.ok()) least = std::min(least, *free);
  }
  return least;
}

// What sandbox-init said (see sandbox_init.cc).
struct InitReport {
  absl::Status error;
  std::optional<int> ran;
  bool ended = false;
  double cpu_seconds = 0;
  int64_t largest_bytes = 0;
};

void ReadLine(std::string_view line, InitReport& report) {
  const std::vector<absl::string_view> words = absl::StrSplit(Av(line), absl::MaxSplits(' ', 4));
  int code = 0;
  if (words[0] == "error" && words.size() >= 3 && absl::SimpleAtoi(words[1], &code) && report.error.ok()) {
    const size_t text = std::string_view("error ").size() + words[1].size() + 1;
    report.error = absl::Status(static_cast<absl::StatusCode>(code), std::string(line.substr(text)));
  } else if (words[0] == "ran" && words.size() == 2 && absl::SimpleAtoi(words[1], &code)) {
    report.ran = code;
  } else if (words[0] == "end" && words.size() == 4) {
    int64_t cpu = 0;
    report.ended = absl::SimpleAtoi(words[2], &cpu) && absl::SimpleAtoi(words[3], &report.largest_bytes);
    report.cpu_seconds = static_cast<double>(cpu) / 1e6;
  }
}

class RunningTree {
 public:
  RunningTree(const SandboxSpec& spec, const OutputSink& output, pid_t init, io::Fd out, io::Fd control)
      : spec_(spec), output_(output), init_(init), out_(std::move(out)), control_(std::move(control)) {
    process::SetNonBlocking(out_.get());
    process::SetNonBlocking(control_.get());
  }

  // Also when a sink threw: sandbox-init sees the closed socket and ends the tree by itself.
  ~RunningTree() {
    if (init_reaped_) return;
    control_.Close();
    kill(init_, SIGKILL);
    while (waitpid(init_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  absl::StatusOr<SandboxResult> WaitForEnd(const Scope& scope) {
    const absl::Time started = SteadyNow();
    LimitWatch watch(spec_.limits, started, started + scope.Remaining());
    const process::StopWake stop(scope.stop);
    FolderWatcher folders(spec_.watched, init_, spec_.limits.output_bytes);
    const std::vector<std::string> disks = WritableDisks(spec_);
    absl::Time next_sample = started, last_look = started;
    while (control_open_) {
      absl::Time now = SteadyNow();
      // The host, or this process, stood still: that is nobody's silence, and no time that the build has had.
      if (now - last_look > kGapMin) watch.OnGap(now - last_look);
      last_look = now;
      if (now >= next_sample) {
        const TreeSample sample = SampleTree(init_);
        last_pids_ = sample.pids;
        now = SteadyNow();
        watch.OnSample(now, sample.resident_bytes, sample.cpu_seconds);
        watch.OnFolderBytes(folders.bytes());
        watch.OnDiskFree(LeastFree(disks));
        next_sample = now + kSampleInterval;
      }
      if (!ended_by_) {
        ended_by_ = watch.Check(now);
        if (!ended_by_ && scope.stop.stop_requested()) ended_by_ = EndedBy::kStopped;
        if (ended_by_) StartKilling(now);
      } else if (now >= killed_at_ + kDeathWait) {
        return absl::InternalError(
            Cat("sandbox: processes of the run live on ", absl::FormatDuration(kDeathWait), " after SIGKILL"));
      } else if (now >= killed_at_ + kHelpAfter) {
        for (const pid_t pid : last_pids_) kill(pid, SIGKILL);
      }
      pollfd fds[] = {{out_.get(), POLLIN, 0}, {control_.get(), POLLIN, 0}, {ended_by_ ? -1 : stop.fd(), POLLIN, 0}};
      const absl::Duration wait = std::max(next_sample - SteadyNow(), absl::ZeroDuration());
      if (poll(fds, std::size(fds), static_cast<int>(absl::ToInt64Milliseconds(wait)) + 1) < 0 && errno != EINTR) {
        return ErrnoStatus(errno, "sandbox: wait for output");
      }
      if (ReadOutput()) watch.OnOutput(SteadyNow());
      ReadControl();
    }
    while (ReadOutput()) {
    }
    int init_status = 0;
    while (waitpid(init_, &init_status, 0) < 0 && errno == EINTR) {
    }
    init_reaped_ = true;
    return Conclude(watch, started, init_status);
  }

 private:
  void StartKilling(absl::Time now) {
    killed_at_ = now;
    shutdown(control_.get(), SHUT_WR);
  }

  bool ReadOutput() {
    char buffer[65536];
    bool some = false;
    for (int i = 0; i < kReadsAtOnce && out_; ++i) {
      const ssize_t n = read(out_.get(), buffer, sizeof buffer);
      if (n == 0) out_.Close();
      if (n <= 0) break;
      some = true;
      const std::string_view data(buffer, static_cast<size_t>(n));
      tail_.append(data.substr(data.size() - std::min(data.size(), kTailMax)));
      if (tail_.size() > kTailMax) tail_.erase(0, tail_.size() - kTailMax);
      if (output_) output_(data);
    }
    return some;
  }

  void ReadControl() {
    char buffer[4096];
    while (true) {
      const ssize_t n = read(control_.get(), buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) break;
      if (control_text_.size() < kControlMax) control_text_.append(buffer, static_cast<size_t>(n));
    }
    control_open_ = false;
    for (const absl::string_view line : absl::StrSplit(control_text_, '\n', absl::SkipEmpty())) {
      ReadLine(Sv(line), init_report_);
    }
  }

  // Without sandbox-init's report that all is gone (it was killed), the processes last seen are waited for.
  absl::Status EndTheRest() {
    const absl::Time give_up = SteadyNow() + kDeathWait;
    for (const pid_t pid : last_pids_) {
      while (true) {
        const std::optional<process::ProcStat> stat = process::ReadProcStat(pid);
        if (!stat || stat->state == 'Z') break;
        if (SteadyNow() >= give_up) return absl::InternalError("sandbox: processes live on after sandbox-init died");
        kill(pid, SIGKILL);
        absl::SleepFor(absl::Milliseconds(5));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<SandboxResult> Conclude(const LimitWatch& watch, absl::Time started, int init_status) {
    SandboxResult result;
    result.seconds = absl::ToDoubleSeconds(SteadyNow() - started);
    result.cpu_seconds = std::max(watch.cpu_seconds(), init_report_.cpu_seconds);
    result.peak_memory_bytes = std::max(watch.peak_memory_bytes(), init_report_.largest_bytes);
    if (!init_report_.ended && init_report_.error.ok()) GOFARM_RETURN_IF_ERROR(EndTheRest());
    if (ended_by_) {
      result.ended_by = *ended_by_;
      return result;
    }
    if (!init_report_.error.ok()) return Annotate(init_report_.error, "sandbox");
    if (!init_report_.ended) {
      if (!WIFSIGNALED(init_status)) return absl::InternalError("sandbox: sandbox-init ended without a word");
      result.ended_by = EndedBy::kSignal;
      result.signal = WTERMSIG(init_status);
      return result;
    }
    if (init_report_.ran) {
      // bubblewrap turns a signal into 128 + its number.
      const bool signal = *init_report_.ran > 128 && *init_report_.ran < 128 + NSIG;
      result.ended_by = signal ? EndedBy::kSignal : EndedBy::kExit;
      (signal ? result.signal : result.exit_code) = signal ? *init_report_.ran - 128 : *init_report_.ran;
      return result;
    }
    // The command never ran. Nothing hostile has written yet, so the text is bubblewrap's own.
    if (tail_.find("bwrap: execvp ") != std::string::npos) {
      result.exit_code = 1;
      return result;
    }
    return absl::InternalError(Cat("sandbox: bubblewrap did not start the command: ", EscapeForPrint(tail_)));
  }

  const SandboxSpec& spec_;
  const OutputSink& output_;
  const pid_t init_;
  io::Fd out_, control_;
  std::vector<pid_t> last_pids_;
  std::optional<EndedBy> ended_by_;
  absl::Time killed_at_;
  bool control_open_ = true;
  bool init_reaped_ = false;
  std::string control_text_;
  std::string tail_;
  InitReport init_report_;
};

// Upper and work folders of earlier runs go before, this run's after; names are fixed, so only these two are touched.
absl::Status ClearScratch(const SandboxSpec& spec) {
  for (const OverlayMount& overlay : spec.overlays) {
    if (!overlay.keep) GOFARM_RETURN_IF_ERROR(RemoveTree(overlay.scratch + "/upper"));
    GOFARM_RETURN_IF_ERROR(RemoveTree(overlay.scratch + "/work"));
  }
  return absl::OkStatus();
}

absl::StatusOr<SandboxResult> RunTree(const Scope& scope, const std::string& self_exe, const InitSpec& spec,
                                      const OutputSink& output) {
  const std::string encoded = EncodeInitSpec(spec);
  if (encoded.size() > kInitSpecMax) return absl::InvalidArgumentError("sandbox: the command is too long");
  GOFARM_ASSIGN_OR_RETURN(const io::Fd spec_file, process::MakeMemoryFile(encoded));
  GOFARM_ASSIGN_OR_RETURN(process::PipeEnds out, process::MakePipe());
  GOFARM_ASSIGN_OR_RETURN(process::PipeEnds control, process::MakeSocketPair());
  GOFARM_ASSIGN_OR_RETURN(const io::Fd null, process::OpenForChild("/dev/null", O_RDONLY));

  process::ChildSpec child;
  child.path = self_exe;
  child.argv = {self_exe, "sandbox-init"};
  child.working_directory = "/";
  child.fds = {
      {null.get(), 0}, {out.write.get(), 1}, {out.write.get(), 2}, {spec_file.get(), 3}, {control.write.get(), 4}};
  GOFARM_ASSIGN_OR_RETURN_CTX(const pid_t init, process::SpawnChild(child), "sandbox");
  out.write.Close();
  control.write.Close();
  RunningTree tree(spec.sandbox, output, init, std::move(out.read), std::move(control.read));
  return tree.WaitForEnd(scope);
}

}  // namespace

absl::StatusOr<SandboxResult> RunInSandbox(const Scope& scope, const std::string& self_exe, const InitSpec& spec,
                                           const OutputSink& output) {
  GOFARM_RETURN_IF_ERROR_CTX(ClearScratch(spec.sandbox), "sandbox: clear the scratch folders");
  absl::StatusOr<SandboxResult> result = RunTree(scope, self_exe, spec, output);
  // The kernel may take a moment to let go of an overlay whose last process is gone; what stays is cleared next time.
  (void)ClearScratch(spec.sandbox);
  return result;
}

}  // namespace gofarm::exec
