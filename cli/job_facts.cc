#include "cli/job_facts.h"

#include "cli/names.h"
#include "common/base/status_macros.h"

namespace gofarm::cli {

JobFacts FactsOf(const v1::Job& job) {
  JobFacts facts{.id = job.id(),
                 .module = job.module(),
                 .version = job.version(),
                 .target = std::string(NameOf(job.target())),
                 .state = std::string(NameOf(job.state())),
                 .failure_class = std::string(NameOf(job.failure_class())),
                 .executables = job.executables_size(),
                 .is_rebuild = job.rebuild_of() != 0};
  for (const v1::ArtifactRow& row : job.executables()) facts.bytes += row.size();
  const std::vector<const v1::Attempt*> attempts = ByToken(job);
  if (!attempts.empty()) {
    const absl::Time began = TimeOf(attempts.back()->started_at()), ended = TimeOf(attempts.back()->ended_at());
    if (began != absl::InfinitePast() && ended > began) facts.seconds = absl::ToDoubleSeconds(ended - began);
  }
  return facts;
}

absl::StatusOr<std::vector<JobFacts>> ReadFacts(FarmClient& client, int64_t batch, const std::string& module) {
  v1::ListJobsRequest request;
  request.set_batch_id(batch);
  request.set_module(module);
  v1::JobPage all;
  GOFARM_RETURN_IF_ERROR(client.ListJobs(request, all));
  std::vector<JobFacts> facts;
  facts.reserve(static_cast<size_t>(all.jobs_size()));
  for (const v1::Job& job : all.jobs()) facts.push_back(FactsOf(job));
  return facts;
}

FailureGroupRow GroupRowOf(const v1::FailureGroup& group) {
  FailureGroupRow row{.failure_class = std::string(NameOf(group.failure_class())),
                      .fingerprint = group.fingerprint(),
                      .jobs = group.jobs(),
                      .modules = group.modules(),
                      .hint = group.hint()};
  for (const v1::FailureExample& example : group.examples()) {
    row.examples.push_back({.job = example.job_id(),
                            .module = example.module(),
                            .version = example.version(),
                            .target = std::string(NameOf(example.target()))});
  }
  return row;
}

}  // namespace gofarm::cli
