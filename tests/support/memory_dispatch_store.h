// domain::DispatchStore in memory, for the simulation and for tests of the dispatch loop. It passes the same contract
// (dispatch_store_contract.h) as the PostgreSQL store. Its fences can be switched off one by one, so that the
// simulation can prove that it would notice. Deterministic; not thread-safe unless the caller locks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "coordinator/domain/dispatch_store.h"
#include "coordinator/domain/ending.h"
#include "coordinator/domain/leadership.h"
#include "coordinator/domain/retry_policy.h"
#include "coordinator/domain/types.h"

namespace gofarm::testing {

// All on in a store that works.
struct Fences {
  bool complete = true;        // a completion needs the job's current token
  bool accept = true;          // an accept needs the job's open offer and a live session
  bool reset_at_start = true;  // leases start anew with a new coordinator
  bool epoch = true;           // a former leader writes nothing
  bool leader_lease = true;    // nobody takes the leadership before its lease is over
};

class MemoryDispatchStore final : public domain::DispatchStore, public leadership::LeadershipStore {
 public:
  struct Attempt {
    AttemptToken token;
    JobId job;
    SessionId session;
    std::string worker;
    AttemptOutcome outcome = AttemptOutcome::kRunning;
    FailureClass failure = FailureClass::kNone;
    JobState answer = JobState::kQueued;  // what its completion was told
    absl::Time started_at;
  };
  struct Job {
    domain::QueuedJob row;
    JobState state = JobState::kQueued;
    FailureClass failure = FailureClass::kNone;
    domain::TryCounts counts;
    bool cancel_requested = false;
    AttemptToken token;  // of the open offer or of the running attempt
    SessionId session;
  };
  struct Session {
    std::string worker;
    std::string instance;
    absl::Time lease_until;
    std::string secret_sha256;
  };

  explicit MemoryDispatchStore(const Clock& clock, Fences fences = {}) : clock_(clock), fences_(fences) {}

  // What other stores do to the queue.
  JobId AddJob(domain::QueuedJob row);  // row.id is given here
  struct Cancelled {
    bool removed = false;                 // it waited or was offered: cancelled now
    std::optional<AttemptToken> running;  // its attempt is to be cancelled
  };
  Cancelled CancelJob(JobId job);
  // As store::WorkerStore.
  absl::StatusOr<domain::DrainChange> SetDrained(int64_t epoch, const std::string& worker, bool drained);
  absl::StatusOr<domain::ExpiredSessions> RemoveWorker(int64_t epoch, const std::string& worker);
  // As store::AttemptStore, as far as the queue and the fence are concerned: by the same decisions (domain/ending.h).
  domain::CompleteResult Complete(const domain::CompletedAttempt& completed, domain::TryContext context = {});

  const std::map<JobId, Job>& jobs() const { return jobs_; }
  const std::map<AttemptToken, Attempt>& attempts() const { return attempts_; }
  const std::map<SessionId, Session>& sessions() const { return sessions_; }
  int64_t epoch() const { return epoch_; }

  absl::StatusOr<leadership::TakeAnswer> Take(const Scope& scope, const leadership::Claim& claim,
                                              absl::Duration lease) override;
  absl::Status Renew(const Scope& scope, int64_t epoch, absl::Duration lease) override;
  absl::Status Release(const Scope& scope, int64_t epoch) override;
  absl::Status ResetLeasesAtStart(const Scope& scope, int64_t epoch, absl::Duration lease) override;
  absl::Status ExtendLeases(const Scope& scope, int64_t epoch, absl::Duration lease) override;
  absl::StatusOr<domain::LoadedQueue> LoadQueue(const Scope& scope, JobId after, int limit) override;
  absl::StatusOr<std::vector<domain::ClaimResult>> ClaimOffers(
      const Scope& scope, int64_t epoch, const std::vector<domain::ClaimRequest>& claims) override;
  absl::StatusOr<std::vector<domain::ClaimState>> ReadClaims(const Scope& scope,
                                                             const std::vector<JobId>& jobs) override;
  absl::StatusOr<std::vector<domain::AcceptOutcome>> AcceptOffers(const Scope& scope, int64_t epoch,
                                                                  const std::vector<domain::OfferRef>& offers) override;
  absl::StatusOr<std::vector<domain::ReturnOutcome>> ReturnOffers(const Scope& scope, int64_t epoch,
                                                                  const std::vector<domain::OfferRef>& offers) override;
  absl::StatusOr<domain::OpenedSession> OpenSession(const Scope& scope, int64_t epoch,
                                                    const domain::SessionRequest& request,
                                                    absl::Duration lease) override;
  absl::StatusOr<std::vector<SessionId>> RenewSessions(const Scope& scope, int64_t epoch,
                                                       const std::vector<SessionId>& sessions,
                                                       absl::Duration lease) override;
  absl::StatusOr<domain::ExpiredSessions> ExpireSessions(const Scope& scope, int64_t epoch) override;
  absl::StatusOr<domain::ExpiredSessions> EndSessions(const Scope& scope, int64_t epoch,
                                                      const std::vector<SessionId>& sessions) override;
  absl::StatusOr<std::vector<domain::LostAttempt>> LoseAttempts(const Scope& scope, int64_t epoch,
                                                                const std::vector<AttemptToken>& tokens) override;

 private:
  absl::Status CheckEpoch(int64_t epoch) const;
  bool Waits(const Job& job) const { return job.state == JobState::kQueued && !job.token; }
  // Ends the attempt; its job ends or waits again (`requeued`).
  domain::EndDecision End(Attempt& attempt, const domain::AttemptEnd& end, const domain::TryContext& context,
                          std::optional<domain::QueuedJob>& requeued);
  domain::LostAttempt Lose(Attempt& attempt, bool counts);
  std::vector<AttemptToken> RunningOf(SessionId session) const;
  void ReturnOffersOf(SessionId session);
  domain::ExpiredSessions EndAll(const std::vector<SessionId>& sessions, bool counts);

  const Clock& clock_;
  const Fences fences_;
  int64_t epoch_ = 0;
  leadership::Claim leader_;
  absl::Time leader_until_ = absl::InfinitePast();
  int64_t last_job_ = 0;
  int64_t last_token_ = 0;
  int64_t last_session_ = 0;
  std::map<JobId, Job> jobs_;
  std::map<AttemptToken, Attempt> attempts_;
  std::map<SessionId, Session> sessions_;
  int64_t last_drain_change_ = 0;
  std::map<std::string, domain::DrainMark> drains_;  // by worker
};

}  // namespace gofarm::testing
