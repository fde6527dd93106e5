#include "coordinator/store/pg_dispatch_store.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/base/secret.h"
#include "common/base/status_macros.h"
#include "coordinator/domain/job.h"
#include "coordinator/domain/retry_policy.h"
#include "coordinator/store/attempt_end.h"
#include "coordinator/store/json.h"
#include "coordinator/store/session_end.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {
namespace {

using domain::AcceptOutcome;
using domain::ClaimOutcome;
using domain::ClaimResult;
using domain::ExpiredSessions;
using domain::LostAttempt;
using domain::OfferRef;
using domain::ReturnOutcome;

struct OfferArrays {
  std::string tokens, jobs, sessions;
  explicit OfferArrays(const std::vector<OfferRef>& offers) {
    std::vector<AttemptToken> t;
    std::vector<JobId> j;
    std::vector<SessionId> s;
    for (const OfferRef& offer : offers) {
      t.push_back(offer.token);
      j.push_back(offer.job);
      s.push_back(offer.session);
    }
    tokens = Array(t);
    jobs = Array(j);
    sessions = Array(s);
  }
};

constexpr std::string_view kLeaseRanOut = "the worker's lease ran out: it is gone or cannot reach the coordinator";
constexpr std::string_view kNotAnnounced = "the worker came back without this attempt";
constexpr std::string_view kSaidGoodbye = "the worker was stopped";
constexpr std::string_view kOverdue = "the attempt outlived its deadline";

}  // namespace

absl::Status PgDispatchStore::ResetLeasesAtStart(const Scope& scope, int64_t epoch, absl::Duration lease) {
  return RunTransaction(pool_, scope, "reset the leases", [&](Txn& txn) -> absl::Status {
    GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
    txn.Run("extend_all_leases", absl::ToDoubleSeconds(lease));
    txn.Run("shorten_backoffs", absl::ToDoubleSeconds(domain::kRetryWaitMax));
    txn.Run("return_all_offers");
    return absl::OkStatus();
  });
}

absl::Status PgDispatchStore::ExtendLeases(const Scope& scope, int64_t epoch, absl::Duration lease) {
  return RunTransaction(pool_, scope, "extend the leases", [&](Txn& txn) -> absl::Status {
    GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
    txn.Run("extend_all_leases", absl::ToDoubleSeconds(lease));
    return absl::OkStatus();
  });
}

absl::StatusOr<domain::LoadedQueue> PgDispatchStore::LoadQueue(const Scope& scope, JobId after, int limit) {
  return RunTransaction(pool_, scope, "load the queue", [&](Txn& txn) -> absl::StatusOr<domain::LoadedQueue> {
    domain::LoadedQueue loaded;
    const auto read = [&](const char* statement, int rows_max) {
      if (rows_max == 0) return true;
      const pqxx::result rows = txn.Run(statement, after.value, rows_max);
      for (const pqxx::row& row : rows) loaded.jobs.push_back(QueuedJobOf(row));
      return static_cast<int>(rows.size()) == rows_max;
    };
    loaded.more_due = read("load_queue_due", limit);
    const int left = limit - static_cast<int>(loaded.jobs.size());
    loaded.more_delayed = read("load_queue_later", std::min(left, domain::kDelayedLoadMax));
    return loaded;
  });
}

absl::StatusOr<std::vector<ClaimResult>> PgDispatchStore::ClaimOffers(const Scope& scope, int64_t epoch,
                                                                      const std::vector<domain::ClaimRequest>& claims) {
  using Results = std::vector<ClaimResult>;
  std::vector<JobId> jobs;
  std::vector<SessionId> sessions;
  for (const domain::ClaimRequest& claim : claims) {
    jobs.push_back(claim.job);
    sessions.push_back(claim.session);
  }
  return RunTransaction(pool_, scope, "claim offers", [&](Txn& txn) -> absl::StatusOr<Results> {
    GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
    absl::flat_hash_map<JobId, AttemptToken> won;
    for (const pqxx::row& row : txn.Run("claim_offers", Array(jobs), Array(sessions))) {
      won[JobId{row[0].as<int64_t>()}] = AttemptToken{row[1].as<int64_t>()};
    }
    absl::flat_hash_set<SessionId> live;
    if (won.size() < claims.size()) {
      for (const SessionId id : Ids<SessionId>(txn.Run("live_sessions", Array(sessions)))) live.insert(id);
    }
    Results results;
    for (const domain::ClaimRequest& claim : claims) {
      ClaimResult result{.job = claim.job, .session = claim.session};
      if (const auto token = won.find(claim.job); token != won.end()) {
        result.token = token->second;
        result.outcome = ClaimOutcome::kWon;
      } else if (!live.contains(claim.session)) {
        result.outcome = ClaimOutcome::kSessionGone;
      }
      results.push_back(result);
    }
    return results;
  });
}

absl::StatusOr<std::vector<domain::ClaimState>> PgDispatchStore::ReadClaims(const Scope& scope,
                                                                            const std::vector<JobId>& jobs) {
  using States = std::vector<domain::ClaimState>;
  return RunTransaction(pool_, scope, "read claims back", [&](Txn& txn) -> absl::StatusOr<States> {
    absl::flat_hash_map<JobId, domain::ClaimState> known;
    for (const pqxx::row& row : txn.Run("read_claims", Array(jobs))) {
      const JobId id{row["job_id"].as<int64_t>()};
      known[id] = {.job = id,
                   .in_queue = true,
                   .running = row["running"].as<bool>(),
                   .token = AttemptToken{row["token"].as<int64_t>()},
                   .session = SessionId{row["session_id"].as<int64_t>()}};
    }
    States states;
    for (const JobId job : jobs) {
      const auto state = known.find(job);
      states.push_back(state == known.end() ? domain::ClaimState{.job = job} : state->second);
    }
    return states;
  });
}

absl::StatusOr<std::vector<AcceptOutcome>> PgDispatchStore::AcceptOffers(const Scope& scope, int64_t epoch,
                                                                         const std::vector<OfferRef>& offers) {
  using Outcomes = std::vector<AcceptOutcome>;
  const OfferArrays arrays(offers);
  std::vector<JobId> ids;
  for (const OfferRef& offer : offers) ids.push_back(offer.job);
  return RunTransaction(pool_, scope, "accept offers", [&](Txn& txn) -> absl::StatusOr<Outcomes> {
    GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
    absl::flat_hash_map<JobId, LockedJob> jobs;
    for (LockedJob& job : LockJobs(txn, ids)) jobs[job.id] = job;

    absl::flat_hash_set<AttemptToken> running;
    std::vector<AttemptToken> tokens;
    std::vector<JobId> started;
    std::vector<SessionId> sessions;
    std::vector<std::string> workers;
    for (const pqxx::row& row : txn.Run("accept_offers", arrays.tokens, arrays.jobs, arrays.sessions)) {
      const JobId id{row["job_id"].as<int64_t>()};
      GOFARM_RETURN_IF_ERROR_CTX(domain::Apply(jobs[id].state, domain::JobTransition::kStarted).status(),
                                 Cat("start job ", id.value));
      started.push_back(id);
      tokens.push_back(AttemptToken{row["token"].as<int64_t>()});
      sessions.push_back(SessionId{row["session_id"].as<int64_t>()});
      workers.push_back(row["worker"].as<std::string>());
      running.insert(tokens.back());
    }
    if (!started.empty()) {
      txn.Run("insert_attempts", Array(tokens), Array(started), Array(workers));
      txn.Run("insert_leases", Array(tokens), Array(started), Array(sessions));
      txn.Run("start_jobs", Array(started));
    }
    if (running.size() < offers.size()) {
      for (const AttemptToken token :
           Ids<AttemptToken>(txn.Run("attempts_alive_or_answered", arrays.tokens, arrays.jobs))) {
        running.insert(token);
      }
    }
    Outcomes outcomes;
    for (const OfferRef& offer : offers) {
      outcomes.push_back(running.contains(offer.token) ? AcceptOutcome::kRunning : AcceptOutcome::kStale);
    }
    return outcomes;
  });
}

absl::StatusOr<std::vector<ReturnOutcome>> PgDispatchStore::ReturnOffers(const Scope& scope, int64_t epoch,
                                                                         const std::vector<OfferRef>& offers) {
  using Outcomes = std::vector<ReturnOutcome>;
  const OfferArrays arrays(offers);
  return RunTransaction(pool_, scope, "return offers", [&](Txn& txn) -> absl::StatusOr<Outcomes> {
    GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
    absl::flat_hash_set<AttemptToken> returned;
    for (const AttemptToken token :
         Ids<AttemptToken>(txn.Run("return_offers", arrays.tokens, arrays.jobs, arrays.sessions))) {
      returned.insert(token);
    }
    Outcomes outcomes;
    for (const OfferRef& offer : offers) {
      outcomes.push_back(returned.contains(offer.token) ? ReturnOutcome::kReturned : ReturnOutcome::kGone);
    }
    return outcomes;
  });
}

absl::StatusOr<domain::OpenedSession> PgDispatchStore::OpenSession(const Scope& scope, int64_t epoch,
                                                                   const domain::SessionRequest& request,
                                                                   absl::Duration lease) {
  const std::string hello = HelloJson(request);
  return RunTransaction(
      pool_, scope, Cat("open a session of ", request.name), [&](Txn& txn) -> absl::StatusOr<domain::OpenedSession> {
        GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
        domain::OpenedSession opened;
        const pqxx::row worker = txn.Run("save_worker", request.name, hello)[0];  // serialises sessions of one name
        opened.drain = {.drained = worker["draining"].as<bool>(), .change = worker["drain_change"].as<int64_t>()};
        for (const pqxx::row& row : txn.Run("sessions_of_worker", request.name)) {
          opened.superseded.push_back(SessionId{row["id"].as<int64_t>()});
          opened.same_secret = EqualInConstantTime(row["secret_sha256"].as<std::string>(), request.proof_sha256);
        }
        const std::string& secret = opened.same_secret ? request.proof_sha256 : request.fresh_secret_sha256;
        opened.session = Ids<SessionId>(txn.Run("insert_session", request.name, request.instance, epoch,
                                                absl::ToDoubleSeconds(lease), hello, secret))[0];

        const std::string former = Array(opened.superseded);
        absl::flat_hash_map<JobId, LockedJob> jobs;
        absl::flat_hash_map<AttemptToken, Lease> left;
        for (Lease& held : LockLeases(txn, "jobs_of_sessions", "leases_of_sessions", former, jobs)) {
          left.emplace(held.token, std::move(held));
        }
        std::vector<AttemptToken> kept;
        absl::flat_hash_set<AttemptToken> seen;
        for (const AnnouncedAttempt& announced : request.attempts) {
          if (!seen.insert(announced.token).second) continue;
          const auto held = left.find(announced.token);
          if (!opened.same_secret || held == left.end() || held->second.job != announced.job) {
            opened.dropped.push_back(announced.token);
            continue;
          }
          kept.push_back(announced.token);
          left.erase(held);
        }
        std::vector<Lease> unannounced;
        for (auto& [token, held] : left) unannounced.push_back(std::move(held));
        if (!kept.empty()) {
          txn.Run("move_leases", Array(kept), opened.session.value);
          for (const pqxx::row& row : txn.Run("running_attempts", Array(kept))) {
            opened.kept.push_back({.token = AttemptToken{row["token"].as<int64_t>()},
                                   .job = QueuedJobOf(row),
                                   .session = opened.session,
                                   .age = absl::Microseconds(row["age_us"].as<int64_t>()),
                                   .cancel_requested = row["cancel_requested"].as<bool>()});
          }
        }
        GOFARM_ASSIGN_OR_RETURN(opened.lost,
                                Lose(txn, unannounced, jobs, /*counts=*/true, std::string(kNotAnnounced), random_));
        txn.Run("return_session_offers", former);
        txn.Run("delete_sessions", former);
        return opened;
      });
}

absl::StatusOr<std::vector<SessionId>> PgDispatchStore::RenewSessions(const Scope& scope, int64_t epoch,
                                                                      const std::vector<SessionId>& sessions,
                                                                      absl::Duration lease) {
  using Gone = std::vector<SessionId>;
  ClockAhead ahead;
  absl::StatusOr<Gone> answer = RunTransaction(pool_, scope, "renew sessions", [&](Txn& txn) -> absl::StatusOr<Gone> {
    GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
    ahead = clock_.Follow(txn);
    const std::string keys = Array(sessions);
    absl::flat_hash_set<SessionId> renewed;
    for (const SessionId id : Ids<SessionId>(txn.Run("renew_sessions", keys, absl::ToDoubleSeconds(lease)))) {
      renewed.insert(id);
    }
    txn.Run("touch_workers", keys);
    Gone gone;
    for (const SessionId id : sessions) {
      if (!renewed.contains(id)) gone.push_back(id);
    }
    return gone;
  });
  if (answer.ok()) clock_.Keep(ahead);
  return answer;
}

absl::StatusOr<ExpiredSessions> PgDispatchStore::ExpireSessions(const Scope& scope, int64_t epoch) {
  ClockAhead ahead;
  const auto expire = [&](Txn& txn) -> absl::StatusOr<ExpiredSessions> {
    GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
    ahead = clock_.Follow(txn);
    // A database that stood still woke up with leases that nobody could renew: the caller extends them first.
    GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), "the database answered too late");
    return EndSessionsIn(txn, Ids<SessionId>(txn.Run("expired_sessions")), /*counts=*/true, std::string(kLeaseRanOut),
                         random_);
  };
  absl::StatusOr<ExpiredSessions> answer = RunTransaction(pool_, scope, "expire sessions", expire);
  if (answer.ok()) clock_.Keep(ahead);
  return answer;
}

absl::StatusOr<ExpiredSessions> PgDispatchStore::EndSessions(const Scope& scope, int64_t epoch,
                                                             const std::vector<SessionId>& sessions) {
  return RunTransaction(pool_, scope, "end sessions", [&](Txn& txn) -> absl::StatusOr<ExpiredSessions> {
    GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
    return EndSessionsIn(txn, Ids<SessionId>(txn.Run("lock_sessions", Array(sessions))), /*counts=*/false,
                         std::string(kSaidGoodbye), random_);
  });
}

absl::StatusOr<std::vector<LostAttempt>> PgDispatchStore::LoseAttempts(const Scope& scope, int64_t epoch,
                                                                       const std::vector<AttemptToken>& tokens) {
  using Lost = std::vector<LostAttempt>;
  return RunTransaction(pool_, scope, "lose attempts", [&](Txn& txn) -> absl::StatusOr<Lost> {
    GOFARM_RETURN_IF_ERROR(CheckEpoch(txn, epoch));
    absl::flat_hash_map<JobId, LockedJob> jobs;
    const std::vector<Lease> leases = LockLeases(txn, "jobs_of_tokens", "leases_of_tokens", Array(tokens), jobs);
    return Lose(txn, leases, jobs, /*counts=*/true, std::string(kOverdue), random_);
  });
}

}  // namespace gofarm::store
