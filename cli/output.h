// Small helpers of the verbs. What went wrong with stdout is kept for the whole process; all else has no state.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/print.h"

namespace gofarm::cli {

absl::StatusOr<std::unique_ptr<FarmClient>> ConnectTo(const Globals& globals);

// What a command that is recommended needs behind it to mean the same farm: " --dir DIR", " --server ADDRESS", or
// nothing where the farm was not named by a flag.
std::string SameFarm(const Globals& globals);

// A verb that asks the farm for one thing by its id, and shows it.
template <typename Reply>
Exit AskAndShow(const Globals& globals, int64_t id, absl::Status (FarmClient::*ask)(int64_t, Reply&),
                void (*show)(const Globals&, const Reply&)) {
  const absl::StatusOr<std::unique_ptr<FarmClient>> client = ConnectTo(globals);
  if (!client.ok()) return client.status();
  Reply reply;
  if (const absl::Status asked = (client->get()->*ask)(id, reply); !asked.ok()) return asked;
  show(globals, reply);
  return 0;
}

void PrintOut(std::string_view text);  // stdout
void PrintErr(std::string_view text);  // stderr; a failure there cannot be reported anywhere
// To one of the two, whole. A reader of stdout that went away ends the process with kExitReaderGone: what SIGPIPE does
// to programs, also where it is ignored, so that nothing goes on for ever into a closed pipe.
void WriteOut(int fd, std::string_view text);
// The first failure of writing to stdout (a full disk), for main to report; only main reads it.
absl::Status OutputWritten();
// Every line of an error message, escaped, to stderr.
void PrintError(const absl::Status& status);
// Of a verb for which DATA_LOSS means that something is not what was signed: told here, with exit code 6.
Exit ToldWhenNotSigned(Exit exit);
Terminal OutTerminal();

// One line of a terminal on stderr that is written again and again, and gone at the end, however that comes. Nothing is
// shown elsewhere.
class CountLine {
 public:
  CountLine();
  ~CountLine();
  CountLine(const CountLine&) = delete;
  CountLine& operator=(const CountLine&) = delete;
  void Show(std::string_view text) const;
  void Clear() const;

 private:
  const bool shown_;
};

}  // namespace gofarm::cli
