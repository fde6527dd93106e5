#include "coordinator/service/batch_service.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/service/submission.h"

namespace gofarm::service {
namespace {

std::string DefaultName(const std::vector<CheckedModule>& modules) {
  if (modules.size() == 1) return Clip(Cat(modules[0].module, "@", modules[0].version), kNameBytesMax);
  return Cat(modules.size(), " modules");
}

void LeaveOut(std::vector<domain::LeftOut> lines, std::vector<CheckedModule>& modules,
              std::vector<domain::LeftOut>& left_out) {
  absl::flat_hash_set<int> bad;
  for (const domain::LeftOut& line : lines) bad.insert(line.line);
  std::erase_if(modules, [&](const CheckedModule& module) { return bad.contains(module.line); });
  left_out.insert(left_out.end(), std::make_move_iterator(lines.begin()), std::make_move_iterator(lines.end()));
  std::sort(left_out.begin(), left_out.end(), [](const auto& a, const auto& b) { return a.line < b.line; });
}

}  // namespace

BatchService::BatchService(store::BatchStore& batches, store::QueryStore& queries, ModuleProxy& proxy, BatchRules rules,
                           JobNews& news)
    : batches_(batches), queries_(queries), proxy_(proxy), rules_(std::move(rules)), news_(news) {}

absl::StatusOr<domain::BatchReceipt> BatchService::Submit(const Scope& scope, const domain::SubmitRequest& request) {
  domain::BatchReceipt receipt;
  Errors errors;
  CheckedRequest checked = CheckRequest(request, rules_.goprivate, errors);
  if (request.leave_out) receipt.left_out = errors.TakeLines();
  // A repeat gets its answer without asking the proxy again, which might answer otherwise by now.
  if (errors.empty()) {
    GOFARM_ASSIGN_OR_RETURN(std::optional<domain::Batch> first,
                            batches_.FindByRequestId(scope, request.request_id, checked.header.content_sha256));
    if (first) {
      receipt.batch = *std::move(first);
      receipt.repeated_request = true;
      receipt.left_out.clear();
      return receipt;
    }
  }
  const absl::Duration left = scope.Remaining();
  ResolveVersions(scope.Within(left * kProxyShare), proxy_, checked.modules, errors, receipt.warnings);
  if (request.leave_out) LeaveOut(errors.TakeLines(), checked.modules, receipt.left_out);
  GOFARM_RETURN_IF_ERROR(errors.ToStatus());
  GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), "submit");
  if (checked.modules.empty()) return receipt;

  if (checked.header.name.empty()) checked.header.name = DefaultName(checked.modules);
  const std::vector<domain::WantedJob> jobs =
      Expand(checked.modules, checked.header.targets, rules_.toolset.digest, rules_.policy);
  GOFARM_ASSIGN_OR_RETURN(store::InsertedBatch inserted,
                          batches_.Insert(scope, checked.header, jobs, rules_.toolset.name));
  receipt.batch = std::move(inserted.batch);
  receipt.repeated_request = inserted.repeated;
  if (inserted.repeated) return receipt;
  news_.Queued(inserted.queued_sample, inserted.lowest_changed);
  return receipt;
}

absl::StatusOr<domain::Batch> BatchService::Cancel(const Scope& scope, BatchId id) {
  GOFARM_ASSIGN_OR_RETURN(store::BatchStore::Cancelled cancelled, batches_.Cancel(scope, id));
  news_.Cancelled(cancelled.jobs.cancelled);
  news_.CancelRunning(cancelled.jobs.to_cancel);
  return std::move(cancelled.batch);
}

absl::StatusOr<domain::Batch> BatchService::Retry(const Scope& scope, BatchId id) {
  GOFARM_ASSIGN_OR_RETURN(store::BatchStore::Retried retried,
                          batches_.RetryFailed(scope, id, [this](const auto& job) { return CheckRetry(job); }));
  news_.Queued(retried.queued, retried.lowest_queued);
  return std::move(retried.batch);
}

absl::StatusOr<domain::Job> BatchService::CancelJob(const Scope& scope, JobId id) {
  GOFARM_ASSIGN_OR_RETURN(const store::CancelledJobs cancelled, batches_.CancelJob(scope, id));
  news_.Cancelled(cancelled.cancelled);
  news_.CancelRunning(cancelled.to_cancel);
  return queries_.GetJob(scope, id);
}

absl::StatusOr<domain::Job> BatchService::RetryJob(const Scope& scope, JobId id) {
  GOFARM_ASSIGN_OR_RETURN(const domain::JobRef successor,
                          batches_.RetryJob(scope, id, [this](const auto& job) { return CheckRetry(job); }));
  news_.Queued({successor}, successor.id);
  return queries_.GetJob(scope, successor.id);
}

absl::Status BatchService::CheckRetry(const store::EndedJob& job) const {
  const domain::JobRef& ref = job.ref;
  if (job.rebuild_of.value != 0) {
    return absl::FailedPreconditionError(Cat("job ", ref.id.value, " is a rebuild of job ", job.rebuild_of.value,
                                             ": order another one with gofarm publish rebuild ", ref.module, "@",
                                             ref.version));
  }
  const auto toolset = std::find_if(rules_.toolsets.begin(), rules_.toolsets.end(),
                                    [&](const Toolset& t) { return t.name == job.toolset; });
  if (toolset == rules_.toolsets.end()) {
    return absl::FailedPreconditionError(Cat("job ", ref.id.value, " was for toolset ", job.toolset,
                                             ", which this coordinator's configuration no longer names: submit ",
                                             ref.module, "@", ref.version, " again, or bring the toolset back"));
  }
  const std::string now = domain::RecipeDigest({.module = ref.module,
                                                .version = ref.version,
                                                .target = ref.target,
                                                .toolset_digest = toolset->digest,
                                                .policy = rules_.policy});
  if (now == job.recipe_digest) return absl::OkStatus();
  return absl::FailedPreconditionError(Cat("job ", ref.id.value,
                                           " was made by an older release, whose recipe differs: submit ", ref.module,
                                           "@", ref.version, " again"));
}

}  // namespace gofarm::service
