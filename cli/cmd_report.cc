#include <algorithm>
#include <utility>

#include "cli/cmd_reports.h"
#include "cli/job_facts.h"
#include "cli/names.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/report_html.h"
#include "cli/upstream_draft.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/json/writer.h"
#include "gofarm/v1/farm.pb.h"

namespace gofarm::cli {
namespace {

constexpr int64_t kBatchesLookedThrough = 1'000;  // for the one before
constexpr size_t kUpstreamJobsMax = 16;           // of a draft: each target, a few times

absl::Status TakeFailures(FarmClient& client, int64_t batch, Report& report) {
  v1::FailureList list;
  GOFARM_RETURN_IF_ERROR(client.ListFailures(batch, 0, list));
  for (const v1::FailureGroup& group : list.groups()) report.failures.push_back(GroupRowOf(group));
  report.failure_groups_left_out = list.groups_left_out();
  report.older_left_out = list.older_left_out();
  return absl::OkStatus();
}

// Such a batch holds rebuilds and nothing else, and no other batch holds any: one of its jobs tells.
absl::StatusOr<bool> IsOfRebuilds(FarmClient& client, int64_t batch) {
  v1::ListJobsRequest request;
  request.set_batch_id(batch);
  request.set_limit(1);
  v1::JobPage page;
  GOFARM_RETURN_IF_ERROR(client.ListJobs(request, page));
  return page.jobs_size() > 0 && page.jobs(0).rebuild_of() != 0;
}

// The newest batch before this one, of the same name where this one has a name and there is such. Without one those
// that the farm made to build again are passed over: nobody asked for them, and they hold other modules. 0: none.
absl::StatusOr<int64_t> PreviousOf(FarmClient& client, const v1::Batch& batch) {
  v1::BatchPage page;
  GOFARM_RETURN_IF_ERROR(client.ListBatches(kBatchesLookedThrough, page));
  std::vector<int64_t> earlier;  // the newest first
  for (const v1::Batch& each : page.batches()) {
    if (each.id() >= batch.id()) continue;
    if (!batch.name().empty() && each.name() == batch.name()) return each.id();
    earlier.push_back(each.id());
  }
  for (const int64_t id : earlier) {
    GOFARM_ASSIGN_OR_RETURN(const bool rebuilds, IsOfRebuilds(client, id));
    if (!rebuilds) return id;
  }
  return 0;
}

Exit Show(const Globals& globals, const Report& report, const std::string& html) {
  if (!html.empty()) {
    GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(html, ReportPage(report), 0644));
    if (!globals.json) {
      PrintOut(Cat("wrote ", EscapeForPrint(html), "\n"));
      return 0;
    }
  }
  PrintOut(globals.json ? ReportDocument(report) : ReportText(report, OutTerminal()));
  return 0;
}

}  // namespace

Exit ReportBatch(const Globals& globals, const ReportArgs& args) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  v1::Batch batch;
  GOFARM_RETURN_IF_ERROR(client->GetBatch(args.batch, batch));
  GOFARM_ASSIGN_OR_RETURN(const std::vector<JobFacts> jobs, ReadFacts(*client, args.batch));
  Report report{.title = Cat("Batch ", batch.id(), batch.name().empty() ? "" : Cat(" ", batch.name()), ": ",
                             NameOf(batch.state())),
                .made_at = WallNow(),
                .batch = batch.id()};
  TakeJobs(jobs, report);
  GOFARM_RETURN_IF_ERROR(TakeFailures(*client, batch.id(), report));
  GOFARM_ASSIGN_OR_RETURN(report.previous, PreviousOf(*client, batch));
  if (report.previous != 0) {
    GOFARM_ASSIGN_OR_RETURN(const std::vector<JobFacts> before, ReadFacts(*client, report.previous));
    report.comparison = CompareBatches(before, jobs);
  }
  return Show(globals, report, args.html);
}

Exit ReportFailures(const Globals& globals, const ReportArgs& args) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  Report report{.title = "Failures of the farm", .made_at = WallNow()};
  GOFARM_RETURN_IF_ERROR(TakeFailures(*client, 0, report));
  return Show(globals, report, args.html);
}

Exit ReportCoverage(const Globals& globals, const ReportArgs& args) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  GOFARM_ASSIGN_OR_RETURN(std::vector<JobFacts> jobs, ReadFacts(*client, 0));
  jobs = NewestOf(jobs);
  Report report{.title = "Coverage of the farm", .made_at = WallNow()};
  TakeJobs(jobs, report);
  report.coverage = CoverageOf(jobs);
  return Show(globals, report, args.html);
}

Exit ReportUpstream(const Globals& globals, const std::string& module) {
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  const size_t mark = module.find('@');
  const std::string path = module.substr(0, mark);
  std::string version = mark == std::string::npos ? "" : module.substr(mark + 1);
  // The newest job of each target: a module that was built since is no matter for its authors.
  GOFARM_ASSIGN_OR_RETURN(std::vector<JobFacts> jobs, ReadFacts(*client, 0, path));
  std::erase_if(jobs, [&](const JobFacts& job) { return !version.empty() && job.version != version; });
  jobs = NewestOf(jobs);
  if (jobs.empty()) {
    return absl::NotFoundError(Cat("the farm has no job of ", EscapeForPrint(module), "; gofarm job list shows all"));
  }
  const JobFacts& newest =
      *std::max_element(jobs.begin(), jobs.end(), [](const JobFacts& a, const JobFacts& b) { return a.id < b.id; });
  version = newest.version;
  std::vector<UpstreamFailure> failures;
  std::string ours;
  for (const JobFacts& facts : jobs) {
    if (facts.version != version || (facts.state != "failed" && facts.state != "partial")) continue;
    if (!IsUpstreams(facts.failure_class)) {
      ours = facts.failure_class;
      continue;
    }
    if (failures.size() == kUpstreamJobsMax) break;
    v1::Job job;
    GOFARM_RETURN_IF_ERROR(client->GetJob(facts.id, job));
    UpstreamFailure failure{.job = facts.id,
                            .version = facts.version,
                            .target = facts.target,
                            .failure_class = facts.failure_class,
                            .detail = job.failure_detail()};
    for (const v1::FailedProgram& program : job.failed_programs()) {
      if (facts.state == "partial") failure.programs.push_back(program.import_path());
    }
    const std::vector<const v1::Attempt*> attempts = ByToken(job);
    if (!attempts.empty()) {
      failure.go_version = attempts.back()->facts().go_version();
      if (attempts.back()->variants_size() > 0) {
        const v1::VariantTry& last = *attempts.back()->variants().rbegin();
        failure.argv.assign(last.argv().begin(), last.argv().end());
        failure.environment.assign(last.environment().begin(), last.environment().end());
      }
    }
    failures.push_back(std::move(failure));
  }
  if (failures.empty()) {
    return absl::NotFoundError(
        Cat(EscapeForPrint(path), " ", EscapeForPrint(version),
            ours.empty() ? " did not fail" : Cat(" failed with ", ours, ", which is no matter for its authors"),
            "; there is nothing to write"));
  }
  const std::string draft = UpstreamDraft(path, failures);
  if (globals.json) {
    JsonWriter json;
    json.BeginObject().Field("module", path).Field("version", version).Field("text", draft);
    json.Key("job_ids").BeginArray();
    for (const UpstreamFailure& failure : failures) json.Int(failure.job);
    json.EndArray().EndObject();
    PrintOut(json.Take());
  } else {
    PrintOut(draft);
    PrintErr("gofarm: a draft; nothing was sent. Read it, look whether it is known already, and send it yourself\n");
  }
  return 0;
}

}  // namespace gofarm::cli
