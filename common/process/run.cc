#include "common/process/run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/fd.h"
#include "common/process/identity.h"
#include "common/process/pipes.h"
#include "common/process/proc_fs.h"
#include "common/process/program.h"
#include "common/process/stop_wake.h"

namespace gofarm::process {
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
  Running(const Command& command, pid_t pid, io::Fd in, io::Fd out, io::Fd err)
      : command_(command),
        pid_(pid),
        pid_fd_(PidFd(pid)),
        in_(std::move(in)),
        out_(std::move(out)),
        err_(std::move(err)),
        kept_err_(command.stderr_max),
        unsent_(command.input) {
    SetNonBlocking(out_.get());
    if (err_) SetNonBlocking(err_.get());
    if (in_) SetNonBlocking(in_.get());
  }

  // Whatever happened before, nothing of the session or group lives on.
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
      absl::Duration wait = scope.Remaining();
      if (!pid_fd_) wait = std::min(wait, kNoPidFdInterval);
      if (poll(fds, std::size(fds), PollTimeout(wait)) < 0 && errno != EINTR)
        return ErrnoStatus(errno, "wait for a child");
      Feed();
      GOFARM_RETURN_IF_ERROR(Drain());
      if (Exited()) break;
    }
    // What it left running in the background would hold the pipes open.
    KillRest();
    return Drain();
  }

  CommandResult Finish(absl::Time started) {
    CommandResult result;
    rusage usage = {};
    result.bytes_written = BytesWrittenBy(pid_);  // the account ends with the process
    const int status = Reap(&usage);
    // The kernel may show that to root only; the 512-byte blocks that went to a disk it shows to everybody.
    if (!result.bytes_written) result.bytes_written = int64_t{usage.ru_oublock} * 512;
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    result.out = std::move(kept_out_);
    result.err = kept_err_.Take();
    result.seconds = absl::ToDoubleSeconds(SteadyNow() - started);
    result.cpu_seconds = Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
    return result;
  }

 private:
  bool Exited() const {
    siginfo_t info = {};
    return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
  }

  void Feed() {
    while (in_ && !unsent_.empty()) {
      const ssize_t n = send(in_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n < 0) unsent_ = {};  // a program that does not read its input is no error
      if (n > 0) unsent_.remove_prefix(static_cast<size_t>(n));
    }
    in_.Close();
  }

  // At most a few buffers a stream, so that one that never stops writing cannot keep the deadline from being looked at.
  absl::Status Drain() {
    char buffer[65536];
    for (int i = 0; i < 16 && out_; ++i) {
      const ssize_t n = read(out_.get(), buffer, sizeof buffer);
      if (n < 0) break;
      if (n == 0) {
        out_.Close();
        break;
      }
      out_bytes_ += static_cast<size_t>(n);
      if (out_bytes_ > command_.stdout_max) {
        return absl::ResourceExhaustedError(Cat(command_.argv[0], " wrote more than ", command_.stdout_max, " bytes"));
      }
      const std::string_view data(buffer, static_cast<size_t>(n));
      command_.on_stdout ? command_.on_stdout(data) : static_cast<void>(kept_out_.append(data));
    }
    for (int i = 0; i < 16 && err_; ++i) {
      const ssize_t n = read(err_.get(), buffer, sizeof buffer);
      if (n < 0) break;
      if (n == 0) {
        err_.Close();
        break;
      }
      const std::string_view data(buffer, static_cast<size_t>(n));
      command_.on_stderr ? command_.on_stderr(data) : kept_err_.Add(data);
    }
    return absl::OkStatus();
  }

  int KillRest() const { return command_.leads == Leads::kSession ? KillSession(pid_) : KillGroup(pid_); }

  int Reap(rusage* usage) {
    reaped_ = true;
    const absl::Time give_up = SteadyNow() + kReapWait;
    while (KillRest() > 0 && SteadyNow() < give_up) absl::SleepFor(absl::Milliseconds(2));
    int status = 0;
    while (wait4(pid_, &status, 0, usage) < 0 && errno == EINTR) {
    }
    return status;
  }

  const Command& command_;
  const pid_t pid_;
  const io::Fd pid_fd_;
  io::Fd in_, out_, err_;
  std::string kept_out_;
  HeadAndTail kept_err_;
  std::string_view unsent_;
  size_t out_bytes_ = 0;
  bool reaped_ = false;
};

}  // namespace

absl::StatusOr<CommandResult> Run(const Scope& scope, const Command& command) {
  if (command.argv.empty()) return absl::InvalidArgumentError("run: no program named");
  GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), Cat("run ", command.argv[0]));
  ChildSpec child = {.argv = command.argv,
                     .environment = command.environment,
                     .working_directory = command.working_directory,
                     .leads = command.leads,
                     .death_signal = SIGKILL,
                     .not_as_root = command.not_as_root,
                     .oom_score_adj = command.oom_score_adj};
  GOFARM_ASSIGN_OR_RETURN(child.path, FindProgram(command.argv[0]));

  io::Fd child_input, input;
  if (command.input.empty()) {
    GOFARM_ASSIGN_OR_RETURN(child_input, OpenForChild("/dev/null", O_RDONLY));
  } else {
    // A socket, not a pipe: only send() can write to a closed reader without SIGPIPE.
    GOFARM_ASSIGN_OR_RETURN(PipeEnds pair, MakeSocketPair());
    input = std::move(pair.read);
    child_input = std::move(pair.write);
  }
  GOFARM_ASSIGN_OR_RETURN(PipeEnds out, MakePipe());
  PipeEnds err;
  if (command.show_errors) {
    GOFARM_ASSIGN_OR_RETURN(err.write, CopyForChild(STDERR_FILENO));
  } else {
    GOFARM_ASSIGN_OR_RETURN(err, MakePipe());
  }
  child.fds = {{child_input.get(), 0}, {out.write.get(), 1}, {err.write.get(), 2}};

  const absl::Time started = SteadyNow();
  GOFARM_ASSIGN_OR_RETURN(const pid_t pid, SpawnChild(child));
  child_input.Close();
  out.write.Close();
  err.write.Close();
  if (command.on_started) command.on_started(pid);
  Running running(command, pid, std::move(input), std::move(out.read), std::move(err.read));
  if (absl::Status ended = running.WaitForExit(scope); !ended.ok()) {
    return Annotate(ended, Cat("run ", command.argv[0]));
  }
  return running.Finish(started);
}

}  // namespace gofarm::process
