#include <unistd.h>

#include <utility>

#include "cli/batch_end.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/watch.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/shapes/json_shapes.h"
#include "common/sync/signals.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {
namespace {

std::string LocalTime(absl::Time time) {
  return time == absl::InfinitePast() ? "-" : absl::FormatTime("%Y-%m-%d %H:%M:%S", time, absl::LocalTimeZone());
}

void ShowBatch(const Globals& globals, const v1::Batch& batch) {
  if (globals.json) {
    PrintOut(shapes::BatchDocument(batch));
    return;
  }
  const std::string state(NameOf(batch.state()));
  PrintOut(Cat("batch ", batch.id(), batch.name().empty() ? "" : Cat(" ", EscapeForPrint(batch.name())), ": ",
               Paint(OutTerminal(), ColorOfState(state), state), "\n", Summary(ViewOf(batch)), "\n", "submitted ",
               LocalTime(TimeOf(batch.created_at())),
               batch.submitter().empty() ? "" : Cat(" by ", EscapeForPrint(batch.submitter())), "\n"));
}

}  // namespace

Exit WatchToTheEnd(const Globals& globals, FarmClient& client, v1::Batch& batch, std::stop_token stop) {
  const int fd = globals.json ? STDERR_FILENO : STDOUT_FILENO;
  const absl::Time began = SteadyNow();
  const int64_t id = batch.id();
  const bool live = DescribeTerminal(fd).redraws;
  if (!live) WriteOut(fd, Cat("batch ", id, "\n"));
  const absl::StatusOr<WatchEnd> end = Watch(client, id, fd, std::move(stop), batch);
  const absl::Status& ended = end.status();
  if (absl::IsUnavailable(ended) || absl::IsCancelled(ended) || absl::IsDeadlineExceeded(ended)) {
    return absl::UnavailableError(Cat("the farm did not come back within ",
                                      HumanSeconds(absl::ToDoubleSeconds(kWatchPatience)), " (", Sv(ended.message()),
                                      "); batch ", id, " is kept: gofarm batch watch ", id, SameFarm(globals)));
  }
  GOFARM_RETURN_IF_ERROR(ended);
  if (globals.json) PrintOut(shapes::BatchDocument(batch));
  if (*end == WatchEnd::kDetached) {
    // The terminal has put a "^C" on the line where plain text goes on; a picture was drawn over it.
    PrintErr(Cat(!live && DescribeTerminal(STDERR_FILENO).is_terminal ? "\n" : "", "gofarm: detached; batch ", id,
                 " goes on. Come back with: gofarm batch watch ", id, SameFarm(globals),
                 "; end it with: gofarm batch cancel ", id, SameFarm(globals), "\n"));
    return kExitInterrupted;
  }
  if (!live) {
    WriteOut(fd, Cat("batch ", id, ": ", Summary(ViewOf(batch)), ", ",
                     HumanSeconds(absl::ToDoubleSeconds(SteadyNow() - began)), "\n"));
  }
  if (AllGood(batch.jobs())) return 0;
  PrintErr(Cat("gofarm: not every job was built; see: gofarm job list --batch ", id, SameFarm(globals), "\n"));
  return kExitJobs;
}

Exit BatchList(const Globals& globals, int64_t limit) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::BatchPage page;
  GOFARM_RETURN_IF_ERROR(client->ListBatches(limit, page));
  if (globals.json) {
    PrintOut(shapes::BatchListDocument(page));
    return 0;
  }
  TableText table({{"ID", true},
                   {"NAME", false, true},
                   {"STATE"},
                   {"SUBMITTED"},
                   {"BY", false, true},
                   {"JOBS", true},
                   {"BUILT", true},
                   {"NOTHING", true},
                   {"PARTIAL", true},
                   {"FAILED", true},
                   {"LEFT", true},
                   {"PROGRAMS", true}});
  for (const v1::Batch& batch : page.batches()) {
    const v1::JobCounts& jobs = batch.jobs();
    const std::string_view state = NameOf(batch.state());
    table.Add({Cat(batch.id()),
               batch.name(),
               {state, ColorOfState(state)},
               LocalTime(TimeOf(batch.created_at())),
               batch.submitter(),
               Cat(Total(jobs)),
               Cat(jobs.built()),
               Cat(jobs.nothing_to_build()),
               Cat(jobs.partial()),
               Cat(jobs.failed() + jobs.cancelled()),
               Cat(jobs.queued() + jobs.running()),
               Cat(batch.executables())});
  }
  PrintOut(table.empty() ? "no batches\n" : table.Render(OutTerminal()));
  return 0;
}

Exit BatchShow(const Globals& globals, int64_t id) { return AskAndShow(globals, id, &FarmClient::GetBatch, ShowBatch); }

Exit BatchWatch(const Globals& globals, int64_t id) {
  const sync::StopSignals signals;
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  client->StopWith(signals.token());
  v1::Batch batch;
  GOFARM_RETURN_IF_ERROR(client->GetBatch(id, batch));
  return WatchToTheEnd(globals, *client, batch, signals.token());
}

Exit BatchCancel(const Globals& globals, int64_t id) {
  return AskAndShow(globals, id, &FarmClient::CancelBatch, ShowBatch);
}

Exit BatchRetry(const Globals& globals, int64_t id) {
  return AskAndShow(globals, id, &FarmClient::RetryBatch, ShowBatch);
}

}  // namespace gofarm::cli
