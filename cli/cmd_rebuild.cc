// Builds made again to see whether they come out the same: publish rebuild.
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/print.h"
#include "cli/publish_client.h"
#include "cli/publish_shapes.h"
#include "cli/watch.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/sync/signals.h"
#include "gofarm/v1/publish.pb.h"

namespace gofarm::cli {
namespace {

absl::StatusOr<v1::RebuildRequest> RequestOf(const PublishRebuildArgs& args) {
  v1::RebuildRequest request;
  if (args.all == !args.what.empty()) {
    return absl::InvalidArgumentError("name an id that gofarm publish list shows, or a module, or --all: one of them");
  }
  request.set_all(args.all);
  int64_t id = 0;
  if (args.all) return request;
  // No module path is a number: its first element has a dot.
  if (absl::SimpleAtoi(args.what, &id)) {
    if (id <= 0) return absl::InvalidArgumentError(Cat("\"", EscapeForPrint(args.what), "\" is no id"));
    request.add_ids(id);
    return request;
  }
  GOFARM_ASSIGN_OR_RETURN(const gomod::ModuleSpec spec, NamedVersion(args.what));
  request.set_module(spec.module);
  request.set_version(spec.version);
  return request;
}

std::string OrderedText(const v1::RebuildReply& reply) {
  std::string text;
  if (reply.batch_id() > 0) {
    text = Cat("batch ", reply.batch_id(), ": ", reply.ordered(), reply.ordered() == 1 ? " rebuild" : " rebuilds",
               " ordered", reply.running() > 0 ? Cat(", ", reply.running(), " under way already") : "", "\n");
  }
  if (reply.left_out() > 0) {
    text += Cat(reply.left_out(), reply.left_out() == 1 ? " build" : " builds",
                " cannot be made again: ", EscapeForPrint(reply.why()), "\n");
  }
  return text;
}

}  // namespace

Exit PublishRebuild(const Globals& globals, const PublishRebuildArgs& args) {
  GOFARM_ASSIGN_OR_RETURN(const v1::RebuildRequest request, RequestOf(args));
  const sync::StopSignals signals;
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  if (args.wait) client->StopWith(signals.token());
  v1::RebuildReply reply;
  GOFARM_RETURN_IF_ERROR(PublishClient(*client).Rebuild(request, reply));
  if (!args.wait || reply.batch_id() == 0) {
    PrintOut(globals.json ? RebuildDocument(reply, {}) : OrderedText(reply));
    return reply.batch_id() == 0 ? kExitJobs : 0;
  }
  WriteOut(globals.json ? STDERR_FILENO : STDOUT_FILENO, OrderedText(reply));
  v1::Batch batch;
  GOFARM_RETURN_IF_ERROR(client->GetBatch(reply.batch_id(), batch));
  GOFARM_ASSIGN_OR_RETURN(const WatchEnd end, Watch(*client, batch.id(), globals.json ? STDERR_FILENO : STDOUT_FILENO,
                                                    signals.token(), batch));
  if (end == WatchEnd::kDetached) {
    PrintErr(Cat("gofarm: detached; the rebuilds go on. Look at: gofarm job list --batch ", batch.id(), "\n"));
    return kExitInterrupted;
  }
  v1::ListJobsRequest of_batch;
  of_batch.set_batch_id(batch.id());
  v1::JobPage jobs;
  GOFARM_RETURN_IF_ERROR(client->ListJobs(of_batch, jobs));
  const std::vector<RebuildRow> rows = RebuildRows(jobs);
  if (globals.json) {
    PrintOut(RebuildDocument(reply, rows));
  } else {
    TableText table({{"MODULE", false, true},
                     {"TARGET"},
                     {"PACKAGE", false, true},
                     {"RESULT"},
                     {"WORKER", false, true},
                     {"DETAIL", false, true}});
    for (const RebuildRow& row : rows) {
      table.Add({Cat(row.job->module(), "@", row.job->version()), NameOf(row.job->target()), row.import_path,
                 row.result, row.worker, row.detail});
    }
    PrintOut(table.Render(OutTerminal()));
  }
  for (const RebuildRow& row : rows) {
    if (row.result != kReproduced) return kExitJobs;
  }
  return 0;
}

}  // namespace gofarm::cli
