#include "coordinator/store/attempt_store.h"

#include <set>
#include <string>
#include <vector>

#include "common/base/status_macros.h"
#include "coordinator/store/attempt_end.h"
#include "coordinator/store/json.h"
#include "coordinator/store/publish_store.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {
namespace {

using domain::CompletedAttempt;
using domain::CompleteOutcome;
using domain::CompleteResult;

absl::Status CheckReport(const CompletedAttempt& a) {
  const auto wrong = [&](std::string_view what) {
    return absl::InvalidArgumentError(Cat("completion of attempt ", a.token.value, ": ", what));
  };
  switch (a.outcome) {
    case AttemptOutcome::kBuilt:
    case AttemptOutcome::kPartial:
      if (a.executables.empty()) return wrong("nothing was built, but the outcome says so");
      break;
    case AttemptOutcome::kNothingToBuild:
    case AttemptOutcome::kFailed:
    case AttemptOutcome::kCancelled:
      if (!a.executables.empty()) return wrong("executables of an attempt that built nothing");
      break;
    case AttemptOutcome::kRunning:
    case AttemptOutcome::kLost:
      return wrong("an outcome that no worker may report");
  }
  const bool failed = a.outcome == AttemptOutcome::kFailed || a.outcome == AttemptOutcome::kPartial;
  if (failed != (a.failure_class != FailureClass::kNone)) return wrong("failure class and outcome do not fit");
  std::set<std::string_view> paths;
  for (const Executable& e : a.executables) {
    if (!paths.insert(e.import_path).second) return wrong(Cat("two executables of ", e.import_path));
  }
  for (const FailedProgram& f : a.failed_programs) {
    if (!paths.insert(f.import_path).second) return wrong(Cat("two results of ", f.import_path));
    if (f.failure_class == FailureClass::kNone) return wrong(Cat("no failure class for ", f.import_path));
  }
  return absl::OkStatus();
}

void Record(Txn& txn, const CompletedAttempt& a) {
  txn.Run("record_report", a.token.value, AttemptReportJson(a));
  if (!a.executables.empty()) {
    std::vector<std::string> sha256, blake3;
    std::vector<int64_t> sizes;
    for (const Executable& e : a.executables) {
      sha256.push_back(e.sha256);
      blake3.push_back(e.blake3);
      sizes.push_back(e.size);
    }
    txn.Run("insert_artifacts", Array(sha256), Array(sizes), Array(blake3), "executable");
    txn.Run("insert_executables", a.token.value, a.job.value);
  }
  const auto insert = [&](const std::string& sha256, int64_t size, const char* kind) {
    if (sha256.empty()) return;
    txn.Run("insert_artifacts", Array(std::vector<std::string>{sha256}), Array(std::vector<int64_t>{size}),
            Array(std::vector<std::string>{""}), kind);
  };
  insert(a.facts.licences_sha256, a.facts.licences_size, "licences");
  insert(a.facts.source_sha256, a.facts.source_size, "source");
  RecordPublishing(txn, a.token, a.job, a.publishing);
}

std::optional<domain::AnsweredAttempt> AnswerOf(Txn& txn, AttemptToken token, JobId job) {
  const pqxx::result rows = txn.Run("answer_of_attempt", token.value, job.value);
  if (rows.empty()) return std::nullopt;
  return domain::AnsweredAttempt{.outcome = static_cast<AttemptOutcome>(rows[0]["outcome"].as<int>()),
                                 .failure = static_cast<FailureClass>(rows[0]["failure_class"].as<int>()),
                                 .job_state = static_cast<JobState>(rows[0]["answered_state"].as<int>())};
}

absl::StatusOr<CompleteResult> CompleteAttempt(Txn& txn, const CompletedAttempt& a, const domain::TryContext& context,
                                               const Random& random) {
  const std::vector<LockedJob> jobs = LockJobs(txn, {a.job});
  if (jobs.empty()) return CompleteResult{.outcome = CompleteOutcome::kStale};
  const pqxx::result lease = txn.Run("lease_of_attempt", a.token.value, a.job.value);
  if (lease.empty()) {
    const std::optional<domain::AnsweredAttempt> answered = AnswerOf(txn, a.token, a.job);
    const bool offered = !answered && !txn.Run("open_offer", a.token.value, a.job.value).empty();
    return domain::AnswerToPast(answered, offered, jobs[0].state);
  }
  Record(txn, a);
  const Ending ending{.token = a.token,
                      .end = {.outcome = a.outcome, .failure = a.failure_class, .detail = a.failure_detail},
                      .worker = lease[0][0].as<std::string>(),
                      .executables = static_cast<int>(a.executables.size()),
                      .context = context};
  GOFARM_ASSIGN_OR_RETURN(Ended ended, EndAttempt(txn, jobs[0], ending, random));
  return domain::AnswerToEnd(ended.decided, ended.job_state, std::move(ended.requeued));
}

}  // namespace

absl::StatusOr<CompleteResult> AttemptStore::Complete(const Scope& scope, const CompletedAttempt& attempt,
                                                      const domain::TryContext& context) {
  GOFARM_RETURN_IF_ERROR(CheckReport(attempt));
  return RunTransaction(pool_, scope, Cat("complete attempt ", attempt.token.value, " of job ", attempt.job.value),
                        [&](Txn& txn) { return CompleteAttempt(txn, attempt, context, random_); });
}

absl::StatusOr<std::optional<CompleteResult>> AttemptStore::FirstAnswer(const Scope& scope,
                                                                        const domain::RunningRef& attempt) {
  return RunTransaction(pool_, scope, Cat("look for the answer to attempt ", attempt.token.value),
                        [&](Txn& txn) -> absl::StatusOr<std::optional<CompleteResult>> {
                          const auto answered = AnswerOf(txn, attempt.token, attempt.job);
                          if (!answered) return std::nullopt;
                          return domain::AnswerToPast(answered, /*offered=*/false, answered->job_state);
                        });
}

absl::StatusOr<std::optional<Target>> AttemptStore::TargetOf(const Scope& scope, JobId job) {
  using Found = std::optional<Target>;
  return RunTransaction(pool_, scope, "look up a job's target", [&](Txn& txn) -> absl::StatusOr<Found> {
    const pqxx::result rows = txn.Run("job_target", job.value);
    return rows.empty() ? Found() : Found(static_cast<Target>(rows[0][0].as<int>()));
  });
}

}  // namespace gofarm::store
