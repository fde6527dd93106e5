#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "cli/batch_end.h"
#include "cli/commands.h"
#include "cli/list_file.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/refusal.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/shapes/json_shapes.h"
#include "common/sync/signals.h"

namespace gofarm::cli {
namespace {

absl::Status Refusal(const std::vector<std::string>& errors) {
  std::string message;
  for (const std::string& error : errors) message += Cat(message.empty() ? "" : "\n", error);
  return absl::InvalidArgumentError(message);
}

std::string DefaultSubmitter() {
  const char* const user = std::getenv("USER");
  return user == nullptr ? "" : EscapeForPrint(user);
}

}  // namespace

Exit Submit(const Globals& globals, const SubmitArgs& args) {
  Parsed parsed;
  std::vector<std::string> errors;
  SubmitOptions options{.name = args.name,
                        .submitter = args.submitter.empty() ? DefaultSubmitter() : args.submitter,
                        .targets = ParseTargets(args.targets, errors),
                        .force = args.force,
                        .labels = {}};
  // A message takes only UTF-8, and the farm no control characters.
  for (const auto& [option, text] : {std::pair("--name", &options.name), std::pair("--as", &options.submitter)}) {
    if (const std::string shown = EscapeForPrint(*text); shown != *text) {
      errors.push_back(Cat(option, " \"", shown, "\" holds a control character or is no UTF-8"));
    }
  }
  if (absl::StatusOr<Labels> labels = ParseLabels(args.labels); labels.ok()) {
    options.labels = *std::move(labels);
  } else {
    errors.push_back(Cat("--label: ", Sv(labels.status().message())));
  }
  ParseArguments(args.modules, parsed);
  if (!args.file.empty()) {
    GOFARM_ASSIGN_OR_RETURN(const std::string text, ReadList(args.file));
    ParseList(text, parsed);
  }
  if (parsed.entries.empty()) {
    parsed.errors.push_back(args.file.empty()
                                ? "the batch names no modules; write MODULE[@VERSION], or --file LIST"
                                : Cat("the batch names no modules: ", EscapeForPrint(args.file), " lists none"));
  }
  if (!errors.empty() || parsed.entries.empty()) {
    parsed.errors.insert(parsed.errors.end(), errors.begin(), errors.end());
    return Refusal(parsed.errors);
  }
  const sync::StopSignals signals;
  absl::StatusOr<std::unique_ptr<FarmClient>> client = ConnectTo(globals);
  // What is wrong here is wrong without a farm; a farm reports all faults at once.
  if (!client.ok()) return parsed.errors.empty() ? client.status() : Refusal(parsed.errors);
  (*client)->StopWith(signals.token());
  v1::SubmitReply reply;
  const absl::Status submitted = (*client)->Submit(options, parsed.entries, reply);
  if (signals.token().stop_requested() && absl::IsCancelled(submitted)) {
    return absl::CancelledError(Cat(
        "interrupted before the farm answered; whether it took the batch shows: gofarm batch list", SameFarm(globals)));
  }
  if (absl::IsUnavailable(submitted) && !parsed.errors.empty()) return Refusal(parsed.errors);
  if (absl::IsInvalidArgument(submitted)) {
    return absl::InvalidArgumentError(MergeRefusals(Sv(submitted.message()), parsed.errors));
  }
  GOFARM_RETURN_IF_ERROR(submitted);
  for (const std::string& warning : reply.warnings()) PrintErr(Cat("gofarm: warning: ", EscapeForPrint(warning), "\n"));
  v1::Batch batch = reply.batch();
  if (args.wait) return WatchToTheEnd(globals, **client, batch, signals.token());
  if (globals.json) {
    PrintOut(shapes::BatchDocument(batch));
  } else {
    PrintOut(Cat("batch ", batch.id(), ": ", Total(batch.jobs()), Total(batch.jobs()) == 1 ? " job" : " jobs",
                 "; follow with: gofarm batch watch ", batch.id(), SameFarm(globals), "\n"));
  }
  return 0;
}

}  // namespace gofarm::cli
