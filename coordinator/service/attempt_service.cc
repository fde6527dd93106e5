#include "coordinator/service/attempt_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/vocab/report_check.h"

namespace gofarm::service {
namespace {

// A report that cannot be taken ends its attempt all the same: the worker has nothing better to say, and the job must
// not wait for it. `failure` blames the farm or the worker, not the module, so another try follows.
domain::CompletedAttempt Refused(const domain::RunningRef& attempt, FailureClass failure, const absl::Status& why) {
  domain::CompletedAttempt out{.token = attempt.token, .job = attempt.job};
  out.failure_class = failure;
  out.failure_detail = Clip(EscapeForPrint(Sv(why.message())), kDetailBytesMax);
  return out;
}

}  // namespace

absl::Status AttemptService::CheckBlobs(const domain::CompletedAttempt& attempt) const {
  const auto size_of = [&](const std::string& what, const std::string& sha256) -> absl::StatusOr<int64_t> {
    absl::StatusOr<int64_t> stored = blob_size_(sha256);
    if (absl::IsNotFound(stored.status())) {
      return absl::FailedPreconditionError(Cat(what, ": its bytes (", sha256, ") were never uploaded"));
    }
    if (!stored.ok()) return Annotate(stored.status(), what);
    return stored;
  };
  for (const Executable& e : attempt.executables) {
    GOFARM_RETURN_IF_ERROR(size_of(e.import_path, e.sha256).status());
  }
  const AttemptFacts& facts = attempt.facts;
  const auto check = [&](const std::string& what, const std::string& sha256, int64_t size) {
    if (sha256.empty()) return absl::OkStatus();
    const absl::StatusOr<int64_t> stored = size_of(what, sha256);
    if (!stored.ok() || *stored == size) return stored.status();
    return absl::InvalidArgumentError(Cat(what, ": reported with ", size, " bytes, stored with ", *stored));
  };
  GOFARM_RETURN_IF_ERROR(check("licences", facts.licences_sha256, facts.licences_size));
  return check("source", facts.source_sha256, facts.source_size);
}

absl::Status AttemptService::CheckExecutables(const Scope& scope, const domain::CompletedAttempt& attempt) const {
  if (attempt.executables.empty()) return absl::OkStatus();
  GOFARM_ASSIGN_OR_RETURN(const std::optional<Target> target, attempts_.TargetOf(scope, attempt.job));
  if (!target) return absl::OkStatus();  // no such job: the token cannot be its own, and nothing is recorded
  for (const Executable& e : attempt.executables) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    GOFARM_RETURN_IF_ERROR(check_executable_(e, *target));
  }
  return absl::OkStatus();
}

absl::StatusOr<domain::CompleteResult> AttemptService::Record(const Scope& scope,
                                                              const domain::CompletedAttempt& attempt) {
  GOFARM_ASSIGN_OR_RETURN(domain::CompleteResult result,
                          attempts_.Complete(scope, attempt, dispatch_.ContextOf(attempt.token)));
  switch (result.outcome) {
    case domain::CompleteOutcome::kEnded:
      break;
    case domain::CompleteOutcome::kStale:
      return absl::FailedPreconditionError(
          Cat("attempt ", attempt.token.value, " is not the current one of job ", attempt.job.value));
    case domain::CompleteOutcome::kNotAccepted:
      return absl::UnavailableError(Cat("attempt ", attempt.token.value, " is not accepted yet: ask again"));
  }
  news_.AttemptEnded(attempt, result);
  return result;
}

absl::StatusOr<std::optional<domain::CompleteResult>> AttemptService::FirstAnswer(const Scope& scope,
                                                                                  const PeerIdentity& peer,
                                                                                  const domain::RunningRef& attempt) {
  const absl::Status runs = fence_.CheckToken(scope, peer, attempt.token);
  if (runs.ok()) return std::nullopt;
  if (!absl::IsFailedPrecondition(runs)) return runs;
  GOFARM_ASSIGN_OR_RETURN(std::optional<domain::CompleteResult> before, attempts_.FirstAnswer(scope, attempt));
  if (!before) return runs;
  // The commit may have been in doubt: then nobody has heard of it yet.
  news_.AttemptEnded({.token = attempt.token, .job = attempt.job}, *before);
  return before;
}

absl::Status AttemptService::Refuse(const Scope& scope, const domain::RunningRef& attempt, const absl::Status& why) {
  GOFARM_RETURN_IF_ERROR(Record(scope, Refused(attempt, FailureClass::kInternal, why)).status());
  return why;
}

absl::StatusOr<domain::CompleteResult> AttemptService::Complete(const Scope& scope, domain::CompletedAttempt attempt) {
  FailureClass refused_as = FailureClass::kInternal;
  absl::Status good = CleanReport(attempt);
  if (good.ok()) good = CheckBlobs(attempt);
  if (good.ok()) {
    good = CheckExecutables(scope, attempt);
    if (absl::IsInvalidArgument(good)) refused_as = FailureClass::kToolchainBroken;
  }
  if (good.ok() && attach_ && !attempt.executables.empty()) {
    GOFARM_ASSIGN_OR_RETURN(attempt.publishing, attach_(scope, attempt));
  }
  if (good.ok()) {
    absl::StatusOr<domain::CompleteResult> result = Record(scope, attempt);
    if (!absl::IsInvalidArgument(result.status())) return result;
    good = result.status();
  }
  if (!absl::IsInvalidArgument(good) && !absl::IsFailedPrecondition(good)) return good;  // of the blob store: ask again
  // A repeat of what was recorded long ago gets its answer, whatever became of its blobs.
  GOFARM_ASSIGN_OR_RETURN(domain::CompleteResult result,
                          Record(scope, Refused({.token = attempt.token, .job = attempt.job}, refused_as, good)));
  if (result.repeated) return result;
  return good;
}

}  // namespace gofarm::service
