#include "worker/exec/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "worker/exec/fd.h"
#include "worker/exec/sampler.h"
#include "worker/exec/spawn.h"
#include "worker/exec/stop_wake.h"

extern char** environ;

namespace gofarm::exec {
namespace {

constexpr absl::Duration kNoPidFdInterval = absl::Milliseconds(50);
constexpr absl::Duration kReapWait = absl::Seconds(5);

double Seconds(const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; }

// Keeps the first and the last half of what comes.
class HeadAndTail {
 public:
  explicit HeadAndTail(size_t limit) : half_(limit / 2) {}
  void Add(std::string_view data) {
    const size_t to_head = std::min(data.size(), half_ - head_.size());
    head_.append(data.substr(0, to_head));
    tail_.append(data.substr(to_head));
    if (tail_.size() > 2 * half_ + 65536) DropMiddle();
  }
  std::string Take() {
    DropMiddle();
    if (dropped_ == 0) return head_ + tail_;
    return Cat(head_, "\n[... ", dropped_, " bytes left out ...]\n", tail_);
  }

 private:
  void DropMiddle() {
    if (tail_.size() <= half_) return;
    dropped_ += tail_.size() - half_;
    tail_.erase(0, tail_.size() - half_);
  }
  const size_t half_;
  std::string head_, tail_;
  size_t dropped_ = 0;
};

class Running {
 public:
  Running(const SubprocessSpec& spec, pid_t pid, UniqueFd in, UniqueFd out, UniqueFd err)
      : spec_(spec),
        pid_(pid),
        pid_fd_(PidFd(pid)),
        in_(std::move(in)),
        out_(std::move(out)),
        err_(std::move(err)),
        kept_err_(spec.stderr_max),
        unsent_(spec.input) {
    SetNonBlocking(out_.get());
    SetNonBlocking(err_.get());
    if (in_.valid()) SetNonBlocking(in_.get());
  }

  // Whatever happened before, nothing of the session lives on.
  ~Running() {
    if (!reaped_) Reap(nullptr);
  }

  absl::Status WaitForExit(const Scope& scope) {
    const StopWake stop(scope.stop);
    while (true) {
      if (absl::Status status = scope.Check(); !status.ok()) return status;
      pollfd fds[] = {{out_.get(), POLLIN, 0},
                      {err_.get(), POLLIN, 0},
                      {in_.get(), POLLOUT, 0},
                      {pid_fd_.get(), POLLIN, 0},
                      {stop.fd(), POLLIN, 0}};
      absl::Duration wait = std::min(scope.Remaining(), absl::Seconds(3600));
      if (!pid_fd_.valid()) wait = std::min(wait, kNoPidFdInterval);
      const int timeout = static_cast<int>(absl::ToInt64Milliseconds(std::max(wait, absl::ZeroDuration()))) + 1;
      if (poll(fds, std::size(fds), timeout) < 0 && errno != EINTR) return ErrnoStatus(errno, "wait for a child");
      Feed();
      GOFARM_RETURN_IF_ERROR(Drain());
      if (Exited()) break;
    }
    // What it left running in the background would hold the pipes open.
    KillSession(pid_);
    return Drain();
  }

  SubprocessResult Finish(absl::Time started) {
    SubprocessResult result;
    rusage usage = {};
    result.bytes_written = BytesWrittenBy(pid_);  // the account ends with the process
    const int status = Reap(&usage);
    // The kernel may tell that to root only; everybody is told the 512-byte blocks that went to a disk.
    if (!result.bytes_written) result.bytes_written = int64_t{usage.ru_oublock} * 512;
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    result.out = std::move(kept_out_);
    result.err = kept_err_.Take();
    result.seconds = absl::ToDoubleSeconds(absl::Now() - started);
    result.cpu_seconds = Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
    return result;
  }

 private:
  bool Exited() const {
    siginfo_t info = {};
    return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
  }

  void Feed() {
    while (in_.valid() && !unsent_.empty()) {
      const ssize_t n = send(in_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n < 0) unsent_ = {};  // it does not read its input: its own business
      if (n > 0) unsent_.remove_prefix(static_cast<size_t>(n));
    }
    in_.Reset();
  }

  // At most a few buffers a stream, so that one that never stops writing cannot keep the deadline from being looked at.
  absl::Status Drain() {
    char buffer[65536];
    for (int i = 0; i < 16 && out_.valid(); ++i) {
      const ssize_t n = read(out_.get(), buffer, sizeof buffer);
      if (n < 0) break;
      if (n == 0) {
        out_.Reset();
        break;
      }
      out_bytes_ += static_cast<size_t>(n);
      if (out_bytes_ > spec_.stdout_max) {
        return absl::ResourceExhaustedError(Cat(spec_.argv[0], " wrote more than ", spec_.stdout_max, " bytes"));
      }
      const std::string_view data(buffer, static_cast<size_t>(n));
      spec_.on_stdout ? spec_.on_stdout(data) : static_cast<void>(kept_out_.append(data));
    }
    for (int i = 0; i < 16 && err_.valid(); ++i) {
      const ssize_t n = read(err_.get(), buffer, sizeof buffer);
      if (n < 0) break;
      if (n == 0) {
        err_.Reset();
        break;
      }
      const std::string_view data(buffer, static_cast<size_t>(n));
      spec_.on_stderr ? spec_.on_stderr(data) : kept_err_.Add(data);
    }
    return absl::OkStatus();
  }

  int Reap(rusage* usage) {
    reaped_ = true;
    const absl::Time give_up = absl::Now() + kReapWait;
    while (KillSession(pid_) > 0 && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(2));
    int status = 0;
    while (wait4(pid_, &status, 0, usage) < 0 && errno == EINTR) {
    }
    return status;
  }

  const SubprocessSpec& spec_;
  const pid_t pid_;
  const UniqueFd pid_fd_;
  UniqueFd in_, out_, err_;
  std::string kept_out_;
  HeadAndTail kept_err_;
  std::string_view unsent_;
  size_t out_bytes_ = 0;
  bool reaped_ = false;
};

}  // namespace

std::optional<int64_t> BytesWrittenBy(pid_t pid) {
  std::ifstream account(Cat("/proc/", pid, "/io"));
  std::string name;
  int64_t bytes = 0;
  while (account >> name >> bytes) {
    if (name == "wchar:") return bytes;
  }
  return std::nullopt;
}

absl::StatusOr<SubprocessResult> RunSubprocess(const Scope& scope, const SubprocessSpec& spec) {
  if (spec.argv.empty()) return absl::InvalidArgumentError("run: no program named");
  GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), Cat("run ", spec.argv[0]));
  ChildSpec child;
  GOFARM_ASSIGN_OR_RETURN(child.path, ResolveProgram(spec.argv[0]));
  child.argv = spec.argv;
  for (const auto& [name, value] : spec.environment) child.environment.push_back(Cat(name, "=", value));
  child.working_directory = spec.working_directory;
  child.die_with_thread = true;

  UniqueFd child_input, input;
  if (spec.input.empty()) {
    child_input = UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (child_input.valid()) child_input = UniqueFd(fcntl(child_input.get(), F_DUPFD_CLOEXEC, 10));
    if (!child_input.valid()) return ErrnoStatus(errno, "open /dev/null");
  } else {
    // A socket and no pipe: only there can a write to a reader that is gone be told to raise no SIGPIPE.
    GOFARM_ASSIGN_OR_RETURN(PipeEnds pair, MakeSocketPair());
    input = std::move(pair.read);
    child_input = std::move(pair.write);
  }
  GOFARM_ASSIGN_OR_RETURN(PipeEnds out, MakePipe());
  GOFARM_ASSIGN_OR_RETURN(PipeEnds err, MakePipe());
  child.fds = {{child_input.get(), 0}, {out.write.get(), 1}, {err.write.get(), 2}};

  const absl::Time started = absl::Now();
  GOFARM_ASSIGN_OR_RETURN(const pid_t pid, SpawnChild(child));
  child_input.Reset();
  out.write.Reset();
  err.write.Reset();
  if (spec.on_started) spec.on_started(pid);
  Running running(spec, pid, std::move(input), std::move(out.read), std::move(err.read));
  if (absl::Status ended = running.WaitForExit(scope); !ended.ok()) return Annotate(ended, Cat("run ", spec.argv[0]));
  return running.Finish(started);
}

std::vector<std::pair<std::string, std::string>> InheritedEnvironment(const std::vector<std::string>& drop) {
  std::vector<std::pair<std::string, std::string>> all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    std::string name(text.substr(0, equals));
    if (std::find(drop.begin(), drop.end(), name) != drop.end()) continue;
    all.emplace_back(std::move(name), text.substr(equals + 1));
  }
  return all;
}

}  // namespace gofarm::exec
