// Submissions and what operators do to batches and jobs. All faults of a submission are reported at once and
// nothing of it is stored. Thread-safe; every method blocks its thread (database, proxy).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/vocab/toolset.h"
#include "coordinator/domain/recipe.h"
#include "coordinator/domain/types.h"
#include "coordinator/service/job_news.h"
#include "coordinator/service/module_proxy.h"
#include "coordinator/store/batch_store.h"
#include "coordinator/store/query_store.h"

namespace gofarm::service {

inline constexpr size_t kEntriesMax = 200'000;      // lines of one submission
inline constexpr size_t kJobsMax = 400'000;         // modules times targets
inline constexpr size_t kNameBytesMax = 200;        // of a batch or a submitter
inline constexpr int kPriorityMax = 1000;           // and -kPriorityMax
inline constexpr size_t kCheckedVersionsMax = 100;  // more modules are not asked for, but for their latest version
inline constexpr int kProxyRequestsAtOnce = 16;
inline constexpr size_t kErrorsShownMax = 100;  // lines of a refusal; the rest is counted
inline constexpr double kProxyShare = 0.6;      // of a submission's time; the rest is for storing it

// How this farm builds; digests of toolsets are filled in.
struct BatchRules {
  Toolset toolset;                // of new jobs
  std::vector<Toolset> toolsets;  // all that workers get
  domain::RecipePolicy policy;
  std::string goprivate;  // globs, as in GOPRIVATE: modules that are asked of no proxy, so this farm cannot have them
};

class BatchService {
 public:
  BatchService(store::BatchStore& batches, store::QueryStore& queries, ModuleProxy& proxy, BatchRules rules,
               JobNews& news);

  // ALREADY_EXISTS: the request id made a batch of other content. INVALID_ARGUMENT: one line per error, each prefixed
  // "line N: " where it concerns a line. With `leave_out` such lines are left out, and told in the receipt.
  absl::StatusOr<domain::BatchReceipt> Submit(const Scope& scope, const domain::SubmitRequest& request);
  // As BatchStore::FindByRequestId.
  absl::StatusOr<std::optional<domain::Batch>> FirstAnswer(const Scope& scope, const std::string& request_id,
                                                           const std::string& content_sha256) {
    return batches_.FindByRequestId(scope, request_id, content_sha256);
  }
  absl::StatusOr<domain::Batch> Cancel(const Scope& scope, BatchId id);
  // A retry is a new generation of the same recipe, toolset included. FAILED_PRECONDITION when this farm builds that
  // recipe no longer: a new submission takes the recipe of now.
  absl::StatusOr<domain::Batch> Retry(const Scope& scope, BatchId id);
  absl::StatusOr<domain::Job> CancelJob(const Scope& scope, JobId id);
  absl::StatusOr<domain::Job> RetryJob(const Scope& scope, JobId id);  // the job that takes its place

 private:
  absl::Status CheckRetry(const store::EndedJob& job) const;

  store::BatchStore& batches_;
  store::QueryStore& queries_;
  ModuleProxy& proxy_;
  const BatchRules rules_;
  JobNews& news_;
};

}  // namespace gofarm::service
