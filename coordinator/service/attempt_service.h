// Takes the report of a finished attempt: checks it, makes its text fit to be stored and printed, records it.
// Thread-safe; blocks its thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/vocab/peer.h"
#include "common/vocab/report.h"
#include "common/vocab/target.h"
#include "coordinator/domain/dispatch_store.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/domain/queries.h"
#include "coordinator/domain/types.h"
#include "coordinator/service/attempt_fence.h"
#include "coordinator/service/job_news.h"
#include "coordinator/store/attempt_store.h"

namespace gofarm::service {

class AttemptService {
 public:
  // The size of a stored blob, whose age is renewed; NOT_FOUND when it is not stored.
  using BlobSize = std::function<absl::StatusOr<int64_t>(const std::string& sha256)>;
  // As ArtifactCheck.
  using CheckExecutable = std::function<absl::Status(const Executable&, Target)>;
  // What is to be published of a report that may be recorded, made and stored; may be null. Its errors are worth
  // another try.
  using Attach = std::function<absl::StatusOr<domain::Publishing>(const Scope&, const domain::CompletedAttempt&)>;
  AttemptService(store::AttemptStore& attempts, BlobSize blob_size, CheckExecutable check_executable, Attach attach,
                 const DispatchPort& dispatch, AttemptFence& fence, JobNews& news)
      : attempts_(attempts),
        blob_size_(std::move(blob_size)),
        check_executable_(std::move(check_executable)),
        attach_(std::move(attach)),
        dispatch_(dispatch),
        fence_(fence),
        news_(news) {}

  // Before anything of a report is looked at: what an earlier one of this attempt was answered; none: the attempt runs,
  // and this peer runs it. Else as AttemptFence::CheckToken.
  absl::StatusOr<std::optional<domain::CompleteResult>> FirstAnswer(const Scope& scope, const PeerIdentity& peer,
                                                                    const domain::RunningRef& attempt);
  // A running attempt whose report cannot be taken ends as failed with class internal. Returns `why`, or what kept it
  // from ending.
  absl::Status Refuse(const Scope& scope, const domain::RunningRef& attempt, const absl::Status& why);

  // FAILED_PRECONDITION: a stale token, or an executable whose blob is not stored; INVALID_ARGUMENT: a report that
  // breaks the rules, or an executable that is not what it says. A current attempt with such a report ends as failed,
  // by class internal or, for what is wrong with an executable, toolchain_broken: both blame its worker, and the job is
  // tried on another one. UNAVAILABLE: the attempt's Accept is not stored yet, ask again.
  absl::StatusOr<domain::CompleteResult> Complete(const Scope& scope, domain::CompletedAttempt attempt);

 private:
  absl::Status CheckBlobs(const domain::CompletedAttempt& attempt) const;
  absl::Status CheckExecutables(const Scope& scope, const domain::CompletedAttempt& attempt) const;
  absl::StatusOr<domain::CompleteResult> Record(const Scope& scope, const domain::CompletedAttempt& attempt);

  store::AttemptStore& attempts_;
  const BlobSize blob_size_;
  const CheckExecutable check_executable_;
  const Attach attach_;
  const DispatchPort& dispatch_;
  AttemptFence& fence_;
  JobNews& news_;
};

}  // namespace gofarm::service
