// worker drain, undrain, remove.
#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "cli/commands.h"
#include "cli/drain_watch.h"
#include "cli/output.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/json/writer.h"
#include "common/shapes/json_shapes.h"
#include "common/sync/signals.h"
#include "common/sync/wait.h"
#include "common/vocab/labels.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {
namespace {

constexpr absl::Duration kLookEvery = absl::Milliseconds(500);
constexpr absl::Duration kShownWithin = absl::Seconds(1);  // after a change, until all of the coordinator know it
constexpr size_t kNamesAtOnce = 200;                       // of workers, in one request

template <typename Names>
absl::Status RowsOf(FarmClient& client, const Names& names, v1::WorkerPage& rows) {
  rows.Clear();
  std::vector<std::string> some;
  for (auto it = names.begin(); it != names.end();) {
    some.push_back(*it);
    if (++it != names.end() && some.size() < kNamesAtOnce) continue;
    v1::WorkerPage page;
    GOFARM_RETURN_IF_ERROR(client.ListWorkers(some, page));
    rows.MergeFrom(page);
    some.clear();
  }
  return absl::OkStatus();
}

// Until they are shown as they are now, for what is printed.
absl::Status AwaitShown(FarmClient& client, const Scope& scope, const std::vector<std::string>& names, bool draining,
                        v1::WorkerPage& rows) {
  do {
    GOFARM_RETURN_IF_ERROR(RowsOf(client, names, rows));
    if (std::all_of(rows.workers().begin(), rows.workers().end(),
                    [&](const v1::WorkerRow& row) { return row.draining() == draining; })) {
      break;
    }
  } while (sync::SleepFor(scope, absl::Milliseconds(50)));
  return absl::OkStatus();
}

// Whether all of them became idle.
absl::StatusOr<bool> AwaitIdle(FarmClient& client, const Scope& scope, const std::vector<std::string>& names) {
  DrainWatch watch(names);
  while (true) {
    v1::WorkerPage rows;
    GOFARM_RETURN_IF_ERROR(RowsOf(client, watch.left(), rows));
    PrintErr(watch.Look(rows));
    if (watch.left().empty()) return watch.undrained().empty();
    if (!sync::SleepFor(scope, kLookEvery)) break;
  }
  if (scope.stop.stop_requested()) return absl::CancelledError("interrupted; the workers stay drained");
  PrintErr(Cat("gofarm: --timeout is over and ", watch.left().size(),
               watch.left().size() == 1 ? " worker still runs" : " workers still run", " jobs; they stay drained\n"));
  return false;
}

}  // namespace

Exit WorkerDrain(const Globals& globals, const DrainArgs& args) {
  const absl::StatusOr<Labels> labels = ParseLabels(args.labels);
  if (!labels.ok()) return absl::InvalidArgumentError(Cat("--label: ", Sv(labels.status().message())));
  if (args.name.empty() == labels->empty()) {
    return absl::InvalidArgumentError("name one worker, or --label K=V for all that have it");
  }
  absl::Duration timeout = absl::InfiniteDuration();
  if (!args.timeout.empty() && (!absl::ParseDuration(args.timeout, &timeout) || timeout < absl::ZeroDuration())) {
    return absl::InvalidArgumentError(
        Cat("--timeout: \"", EscapeForPrint(args.timeout), "\" is no length of time; write 90s, 30m or 2h"));
  }
  const sync::StopSignals signals;
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  client->StopWith(signals.token());
  std::vector<std::string> names;
  GOFARM_RETURN_IF_ERROR(client->DrainWorkers(args.name, *labels, !args.undo, names));
  if (!globals.json) {
    std::string text;
    for (const std::string& name : names) {
      text += Cat(EscapeForPrint(name), args.undo ? ": takes jobs again\n" : ": drained\n");
    }
    PrintOut(text);
  }
  bool idle = true;
  if (args.wait) {
    GOFARM_ASSIGN_OR_RETURN(idle, AwaitIdle(*client, Scope::For(timeout, signals.token()), names));
  }
  if (globals.json) {
    v1::WorkerPage rows;
    GOFARM_RETURN_IF_ERROR(
        AwaitShown(*client, Scope::For(kShownWithin, signals.token()), names, /*draining=*/!args.undo, rows));
    PrintOut(shapes::WorkerListDocument(rows));
  }
  return idle ? 0 : kExitJobs;
}

Exit WorkerRemove(const Globals& globals, const std::string& name) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::RemovedWorker removed;
  GOFARM_RETURN_IF_ERROR(client->RemoveWorker(name, removed));
  if (globals.json) {
    JsonWriter json;
    json.BeginObject()
        .Field("name", name)
        .Field("jobs_given_up", static_cast<int64_t>(removed.jobs()))
        .Field("was_connected", removed.was_connected())
        .EndObject();
    PrintOut(json.Take());
    return 0;
  }
  std::string text = Cat(EscapeForPrint(name), ": removed");
  if (removed.jobs() > 0) text += Cat("; ", removed.jobs(), removed.jobs() == 1 ? " job" : " jobs", " it ran given up");
  text += "\n";
  PrintOut(text);
  if (removed.was_connected()) {
    PrintErr(
        Cat("gofarm: its gofarm-worker still runs: it joins again as a new worker, which is not drained, unless you "
            "stop it\n"));
  }
  return 0;
}

}  // namespace gofarm::cli
