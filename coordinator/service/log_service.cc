#include "coordinator/service/log_service.h"

#include <algorithm>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/sync/wait.h"

namespace gofarm::service {

LogService::LogService(QueryService& queries, blob::LogStore& logs, const ProgressBoard& board)
    : queries_(queries), logs_(logs), board_(board) {}

absl::Status LogService::Append(AttemptToken token, int64_t offset, std::string_view data, blob::LogStore::Done done) {
  absl::Status taken = logs_.Append(token, offset, data, std::move(done));
  growth_.Grew(token);
  return taken;
}

absl::StatusOr<domain::Attempt> LogService::AwaitAttempt(const Scope& scope, JobId job, int attempt, bool follow) {
  while (true) {
    absl::StatusOr<domain::Attempt> found = queries_.FindAttempt(scope, job, attempt);
    if (found.ok() || !follow || !absl::IsNotFound(found.status())) return found;
    // The job may wait still: then there will be an attempt. Unless it is none, or has ended without one.
    GOFARM_ASSIGN_OR_RETURN(const domain::Job row, queries_.GetJob(scope, job));
    if (IsEnded(row.state)) return found;
    // Other logs grow all the time; asking the database at their pace would cost it more than the whole rest.
    if (!sync::SleepFor(scope, kFollowCheck)) return scope.Check();
  }
}

absl::Status LogService::Read(const Scope& scope, JobId job, int attempt, int64_t offset, bool follow,
                              const Sink& sink) {
  GOFARM_ASSIGN_OR_RETURN(domain::Attempt found, AwaitAttempt(scope, job, attempt, follow));
  const AttemptToken token = found.token;
  LogGrowth::Follower follower(growth_, token);
  absl::Time ask_at = absl::InfinitePast();
  bool ended = !follow || found.outcome != AttemptOutcome::kRunning;
  while (true) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    GOFARM_ASSIGN_OR_RETURN(blob::LogSlice slice, logs_.Read(token, offset, kLogSliceMax));
    offset = slice.next_offset;
    if (!slice.data.empty()) GOFARM_RETURN_IF_ERROR(sink(std::move(slice.data)));
    if (!slice.at_end) continue;
    // Ended before this read found the end: there is no more.
    if (ended) return absl::OkStatus();
    const bool ask = !board_.Of(token) && SteadyNow() >= ask_at;
    if (ask) {
      ask_at = SteadyNow() + kFollowCheck;
      // By number 0 another, newer attempt may be the last one now; that this one is not is all that counts.
      GOFARM_ASSIGN_OR_RETURN(const domain::Attempt now, queries_.FindAttempt(scope, job, attempt));
      ended = now.token != token || now.outcome != AttemptOutcome::kRunning;
      if (ended) continue;
    }
    (void)follower.Await(std::min(SteadyNow() + kFollowCheck, scope.deadline));
  }
}

}  // namespace gofarm::service
