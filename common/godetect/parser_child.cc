#include "common/godetect/parser_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "absl/strings/numbers.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/process/pipes.h"
#include "common/process/program.h"
#include "common/process/spawn.h"
#include "common/process/stop_wake.h"

namespace gofarm::godetect {
namespace {

constexpr size_t kLengthBytes = 4;

std::array<char, kLengthBytes> LengthBytes(size_t size) {
  std::array<char, kLengthBytes> bytes;
  for (size_t i = 0; i < kLengthBytes; ++i) bytes[i] = static_cast<char>(size >> (8 * i) & 0xFF);
  return bytes;
}
size_t LengthOf(const char* bytes) {
  size_t size = 0;
  for (size_t i = kLengthBytes; i-- > 0;) size = size << 8 | static_cast<unsigned char>(bytes[i]);
  return size;
}

// Of the child, on its blocking descriptors.
bool ReadExactly(int fd, char* out, size_t size) {
  while (size > 0) {
    const ssize_t n = read(fd, out, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    out += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}
bool WriteExactly(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t n = write(fd, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

void LimitMemory(int64_t bytes) {
  rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // Sanitizers reserve terabytes of addresses.
  rlimit memory = {static_cast<rlim_t>(bytes), static_cast<rlim_t>(bytes)};
  setrlimit(RLIMIT_AS, &memory);
#else
  (void)bytes;
#endif
}

// The limit counts from the process's start, so it moves on with each text.
void LimitCpu(int64_t seconds) {
  rusage used = {};
  getrusage(RUSAGE_SELF, &used);
  rlimit cpu = {};
  getrlimit(RLIMIT_CPU, &cpu);
  cpu.rlim_cur = std::min(static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec + 1 + seconds), cpu.rlim_max);
  setrlimit(RLIMIT_CPU, &cpu);
}

std::string HowItEnded(int status) {
  if (WIFEXITED(status)) return Cat("ended with exit code ", WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  return Cat("ended by signal ", signal, signal == SIGXCPU ? " (out of CPU time)" : "");
}

}  // namespace

ParserChild::ParserChild(Scope scope, ParserChildLimits limits, std::string program)
    : scope_(std::move(scope)), limits_(limits), program_(std::move(program)) {}

ParserChild::~ParserChild() { End(); }

absl::Status ParserChild::Start() {
  process::ChildSpec child;
  child.path = program_;
  if (program_.empty()) {
    GOFARM_ASSIGN_OR_RETURN(child.path, process::SelfExecutable());
  }
  child.argv = {child.path, std::string(kParserChildFlag), Cat(limits_.memory_bytes),
                Cat(std::max<int64_t>(absl::ToInt64Seconds(limits_.cpu), 1))};
  child.working_directory = "/";
  GOFARM_ASSIGN_OR_RETURN(process::PipeEnds ends, process::MakeSocketPair());
  GOFARM_ASSIGN_OR_RETURN(const io::Fd null, process::OpenForChild("/dev/null", O_WRONLY));
  child.fds = {{ends.write.get(), 0}, {ends.write.get(), 1}, {null.get(), 2}};
  GOFARM_ASSIGN_OR_RETURN(pid_, process::SpawnChild(child));
  socket_ = std::move(ends.read);
  process::SetNonBlocking(socket_.get());
  ++starts_;
  return absl::OkStatus();
}

std::string ParserChild::End() {
  if (pid_ == 0) return "";
  socket_.Close();
  // By its closed input it would end by itself, but not while it parses.
  kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return HowItEnded(status);
}

bool ParserChild::HasEnded() const {
  siginfo_t info = {};
  return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid_;
}

absl::Status ParserChild::Send(const Scope& scope, std::string_view bytes) {
  const process::StopWake stop(scope.stop);
  while (!bytes.empty()) {
    const ssize_t n = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
    if (n >= 0 || errno == EINTR) continue;
    if (errno != EAGAIN) return absl::AbortedError("it went away");
    GOFARM_RETURN_IF_ERROR(scope.Check());
    pollfd fds[] = {{socket_.get(), POLLOUT, 0}, {stop.fd(), POLLIN, 0}};
    (void)poll(fds, 2, process::PollTimeout(scope.Remaining()));
  }
  return absl::OkStatus();
}

absl::Status ParserChild::Receive(const Scope& scope, char* out, size_t size) {
  const process::StopWake stop(scope.stop);
  while (size > 0) {
    const ssize_t n = recv(socket_.get(), out, size, 0);
    if (n > 0) {
      out += n;
      size -= static_cast<size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n == 0 || errno != EAGAIN) return absl::AbortedError("it went away");
    GOFARM_RETURN_IF_ERROR(scope.Check());
    pollfd fds[] = {{socket_.get(), POLLIN, 0}, {stop.fd(), POLLIN, 0}};
    (void)poll(fds, 2, process::PollTimeout(scope.Remaining()));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ParserChild::DeclaresMain(std::string_view text) {
  GOFARM_RETURN_IF_ERROR_CTX(scope_.Check(), "parse Go source");
  // What a child is not given, it need not be protected from.
  if (text.size() > kParserTextMax) {
    return absl::AbortedError(Cat("parse Go source: ", text.size(), " bytes, the limit is ", kParserTextMax));
  }
  // Something else may have ended an idle child (an operator, the kernel out of memory): no fault of this text.
  if (pid_ != 0 && HasEnded()) End();
  if (pid_ == 0) GOFARM_RETURN_IF_ERROR_CTX(Start(), "start the parser's process");
  const Scope scope = scope_.Within(limits_.answer_time);
  const std::array<char, kLengthBytes> length = LengthBytes(text.size());
  std::array<char, kLengthBytes + 1> answer = {};
  absl::Status done = Send(scope, std::string_view(length.data(), length.size()));
  if (done.ok()) done = Send(scope, text);
  if (done.ok()) done = Receive(scope, answer.data(), answer.size());
  if (done.ok() && LengthOf(answer.data()) == 1 && (answer.back() == 0 || answer.back() == 1))
    return answer.back() == 1;
  // Of a child that was ending anyway, its own reason comes back, not our signal.
  std::string how = End();
  if (!absl::IsAborted(done)) {
    GOFARM_RETURN_IF_ERROR_CTX(scope_.Check(), "parse Go source");
    how = done.ok() ? "gave an answer that is none"
                    : Cat("gave no answer within ", absl::FormatDuration(limits_.answer_time));
  }
  return absl::AbortedError(Cat("the parser's process ", how, " on a text of ", text.size(), " bytes"));
}

bool IsParserChild(int argc, char** argv) { return argc == 4 && kParserChildFlag == argv[1]; }

int RunParserChild(int argc, char** argv) {
  int64_t memory = 0, cpu = 0;
  if (!IsParserChild(argc, argv) || !absl::SimpleAtoi(argv[2], &memory) || !absl::SimpleAtoi(argv[3], &cpu)) return 2;
  LimitMemory(memory);
  std::string text;
  while (true) {
    std::array<char, kLengthBytes> length;
    if (!ReadExactly(STDIN_FILENO, length.data(), length.size())) return 0;
    const size_t size = LengthOf(length.data());
    if (size > kParserTextMax) return 2;
    text.resize(size);
    if (!ReadExactly(STDIN_FILENO, text.data(), size)) return 0;
    LimitCpu(cpu);
    const bool main = DeclaresMain(text);
    std::array<char, kLengthBytes + 1> answer;
    const std::array<char, kLengthBytes> one = LengthBytes(1);
    std::copy(one.begin(), one.end(), answer.begin());
    answer.back() = main ? 1 : 0;
    if (!WriteExactly(STDOUT_FILENO, answer.data(), answer.size())) return 0;
    // One large text does not keep its memory for all that follow.
    constexpr size_t kTextKeptMax = 1 << 20;
    if (text.capacity() > kTextKeptMax) std::string().swap(text);
  }
}

}  // namespace gofarm::godetect
