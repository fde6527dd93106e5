#include "cli/output.h"

#include <unistd.h>

#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::cli {

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk: return 0;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kPermissionDenied: return kExitInput;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded: return kExitUnreachable;
    case absl::StatusCode::kCancelled: return kExitInterrupted;
    default: return kExitInternal;
  }
}

absl::StatusOr<std::unique_ptr<FarmClient>> ConnectTo(const Globals& globals) {
  GOFARM_ASSIGN_OR_RETURN(const FarmChoice choice, FindFarm(globals.server, globals.dir));
  return FarmClient::Connect(choice);
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

Terminal OutTerminal() { return DescribeTerminal(STDOUT_FILENO); }

}  // namespace gofarm::cli
