#include "cli/output.h"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "absl/strings/str_split.h"
#include "cli/command_text.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::cli {
namespace {

std::atomic<int> stdout_error{0};

}  // namespace

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return kExitInput;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return kExitForbidden;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnreachable;
    case absl::StatusCode::kCancelled:
      return kExitInterrupted;
    default:
      return kExitInternal;
  }
}

absl::StatusOr<std::unique_ptr<FarmClient>> ConnectTo(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const FarmChoice choice, FindFarm(globals.farm));
  return FarmClient::Connect(choice);
}

std::string SameFarm(const Globals& globals) {
  if (!globals.farm.server.empty()) return Cat(" --server ", QuotedWord(globals.farm.server));
  if (!globals.farm.farm.empty()) return Cat(" --farm ", QuotedWord(globals.farm.farm));
  return globals.farm.dir.empty() ? "" : Cat(" --dir ", QuotedWord(globals.farm.dir));
}

void WriteOut(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      pollfd writable{fd, POLLOUT, 0};
      poll(&writable, 1, -1);
      continue;
    }
    if (fd != STDOUT_FILENO) return;
    if (errno == EPIPE) _exit(kExitReaderGone);
    int none = 0;
    stdout_error.compare_exchange_strong(none, errno);
    return;
  }
}

absl::Status OutputWritten() {
  const int error = stdout_error.load();
  return error == 0 ? absl::OkStatus() : ErrnoStatus(error, "write to standard output");
}

void PrintOut(std::string_view text) { WriteOut(STDOUT_FILENO, text); }
void PrintErr(std::string_view text) { WriteOut(STDERR_FILENO, text); }

void PrintError(const absl::Status& status) {
  std::string out;
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n', absl::SkipEmpty())) {
    out += Cat("gofarm: ", EscapeForPrint(Sv(line)), "\n");
  }
  if (out.empty()) out = Cat("gofarm: ", absl::StatusCodeToString(status.code()), "\n");
  PrintErr(out);
}

Exit ToldWhenNotSigned(Exit exit) {
  if (!absl::IsDataLoss(exit.status())) return exit;
  PrintError(exit.status());
  return kExitNotSigned;
}

CountLine::CountLine() : shown_(DescribeTerminal(STDERR_FILENO).redraws) {}

CountLine::~CountLine() { Clear(); }

void CountLine::Show(std::string_view text) const {
  if (shown_) PrintErr(Cat("\r", text, "\x1b[K"));
}

void CountLine::Clear() const {
  if (shown_) PrintErr("\r\x1b[K");
}

Terminal OutTerminal() { return DescribeTerminal(STDOUT_FILENO); }

}  // namespace gofarm::cli
