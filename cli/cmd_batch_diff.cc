#include "cli/batch_diff.h"
#include "cli/cmd_reports.h"
#include "cli/job_facts.h"
#include "cli/output.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::cli {

Exit BatchDiff(const Globals& globals, int64_t before, int64_t after) {
  if (before == after) return absl::InvalidArgumentError(Cat("batch ", before, " is the same as itself; name two"));
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<FarmClient> client, ConnectTo(globals));
  GOFARM_ASSIGN_OR_RETURN(const std::vector<JobFacts> old_jobs, ReadFacts(*client, before));
  GOFARM_ASSIGN_OR_RETURN(const std::vector<JobFacts> new_jobs, ReadFacts(*client, after));
  const Comparison diff = CompareBatches(old_jobs, new_jobs);
  PrintOut(globals.json ? DiffDocument(diff, before, after) : DiffText(diff, before, after, OutTerminal()));
  return diff.Count(JobChange::kWorse) == 0 ? 0 : kExitJobs;
}

}  // namespace gofarm::cli
