// What the dispatcher needs of durable storage: the queue, the sessions with their leases, and the token fence.
//
// The abstract interface and its values stand here so that the pure dispatcher, the simulation's in-memory store and
// the PostgreSQL store agree on one meaning; tests/support/dispatch_store_contract.h is that meaning as tests, run on
// both.
//
// Errors: OK means committed. UNKNOWN means the commit's answer was lost: it may have happened, and the caller reads
// back (ReadClaims) or repeats an idempotent call (AcceptOffers, ReturnOffers, the leases).
// FAILED_PRECONDITION means another coordinator leads (the epoch is not current, see leadership.h): nothing was written
// and this coordinator stands by. Every other code means nothing was written. Zero rows moved is an answer, never an
// error.
//
// Time: leases and not_before are judged by the store's own clock; nobody passes "now" in.
// Threads: the dispatch loop calls from two threads, one of which only loads the queue.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/base/scope.h"
#include "common/vocab/failure.h"
#include "common/vocab/labels.h"
#include "common/vocab/session.h"
#include "common/vocab/target.h"
#include "coordinator/domain/queries.h"

namespace gofarm::domain {

inline constexpr absl::Duration kLease = absl::Seconds(30);
inline constexpr absl::Duration kHeartbeatInterval = absl::Seconds(5);
inline constexpr int kClaimsMax = 500;          // in one ClaimOffers, AcceptOffers or ReturnOffers
inline constexpr int kQueueLoadMax = 200'000;   // jobs of one LoadQueue: the mirror's size
inline constexpr int kDelayedLoadMax = 10'000;  // of them, those that are tried again later
inline constexpr int kAnnouncedMax = 1'024;     // attempts in one Hello

// A job of the queue with all that placing and offering it needs.
struct QueuedJob {
  JobId id;
  std::string module;
  std::string version;
  Target target = Target::kX86_64;
  std::string toolset;        // name
  std::string recipe_digest;  // lower-case hex
  int priority = 0;           // higher goes first
  absl::Time queued_at = absl::UnixEpoch();
  absl::Time not_before = absl::InfinitePast();  // backoff
  std::string avoid_worker;  // where it ran out of time or memory: another worker is tried first; empty: none
  // Of the first batch that wants it; for shares and admission.
  std::string submitter;
  Labels labels;             // only workers that have all of them build it
  int64_t memory_bytes = 0;  // that its build takes; 0: not known
  bool cold_caches = false;  // a rebuild: nothing that was compiled before may enter it

  bool operator==(const QueuedJob&) const = default;
};

inline JobRef RefOf(const QueuedJob& job) { return {job.id, job.module, job.version, job.target}; }

struct LoadedQueue {
  std::vector<QueuedJob> jobs;
  bool more_due = false, more_delayed = false;  // perhaps: as many came as were asked for
};

struct ClaimRequest {
  JobId job;
  SessionId session;
  bool operator==(const ClaimRequest&) const = default;
};
enum class ClaimOutcome { kWon, kJobGone, kSessionGone };  // kJobGone: ended, cancelled, running or offered elsewhere
struct ClaimResult {
  JobId job;
  SessionId session;
  AttemptToken token;  // kWon
  ClaimOutcome outcome = ClaimOutcome::kJobGone;
};
// What the queue says of a job after a claim whose answer was lost.
struct ClaimState {
  JobId job;
  bool in_queue = false;  // false: ended or cancelled
  bool running = false;
  AttemptToken token;  // of the open offer or the running attempt; 0: the job waits
  SessionId session;
};

struct OfferRef {
  AttemptToken token;
  JobId job;
  SessionId session;
  bool operator==(const OfferRef&) const = default;
};
enum class AcceptOutcome { kRunning, kStale };  // kStale: returned, cancelled, or the session is gone
enum class ReturnOutcome {
  kReturned,
  kGone
};  // kGone: nothing to return (ended, cancelled, accepted, returned before)

// Hello, as far as the store cares.
struct SessionRequest {
  std::string name;
  std::string instance;
  std::string host_arch;
  std::string build_version;
  int pid = 0;
  std::vector<Target> targets;
  int slots = 0;
  int64_t memory_bytes = 0;
  std::string isolation_error;
  Labels labels;
  std::string address;  // where it connects from; "unix" for the socket
  std::vector<AnnouncedAttempt> attempts;
  // Of the secret that the Hello's call carried; empty: none. Whoever has that of the former session may take over.
  std::string proof_sha256;
  std::string fresh_secret_sha256;  // of the one that the session gets unless it goes on with its former one
};

// Whether an operator keeps a worker from new jobs. The store numbers the changes: the later one holds, in whatever
// order the news of them come.
struct DrainMark {
  bool drained = false;
  int64_t change = 0;
  bool operator==(const DrainMark&) const = default;
};
struct DrainChange {
  std::string worker;
  DrainMark mark;
  bool operator==(const DrainChange&) const = default;
};

struct RunningAttempt {
  AttemptToken token;
  QueuedJob job;
  SessionId session;
  absl::Duration age;  // since its start, by the store's clock
  bool cancel_requested = false;
};
// An attempt that ended as lost. `requeued` is the job as it stands in the queue again; empty when it ended (no tries
// left, or a cancel was waiting).
struct LostAttempt {
  AttemptToken token;
  JobId job;
  std::string worker;
  std::optional<QueuedJob> requeued;
  bool counts = true;                      // false: no fault of its worker, which said goodbye
  JobState job_state = JobState::kQueued;  // after it
};
struct OpenedSession {
  SessionId session;
  DrainMark drain;                    // of its worker
  std::vector<RunningAttempt> kept;   // announced and current; they belong to the new session now
  std::vector<AttemptToken> dropped;  // announced, not current
  std::vector<LostAttempt> lost;      // of former sessions of this worker, not announced
  std::vector<SessionId> superseded;  // former sessions of this worker; their open offers went back to the queue
  bool same_secret = false;           // it goes on with the secret of the former one
};

struct ExpiredSessions {
  std::vector<SessionId> sessions;
  std::vector<LostAttempt> lost;
};

// Of a completion, by store/attempt_store; every store agrees by ending.h.
enum class CompleteOutcome {
  kEnded,        // recorded now, or by an earlier call with this token: the answer is the same
  kStale,        // not the job's current attempt, and this token never completed: the worker drops its work
  kNotAccepted,  // the token is an open offer whose Accept is not stored yet: ask again in a moment
};
struct CompleteResult {
  CompleteOutcome outcome = CompleteOutcome::kStale;
  JobState job_state = JobState::kQueued;  // after the completion; kQueued when it is tried again
  std::optional<QueuedJob> requeued;
  bool repeated = false;  // an earlier call recorded it
  // kEnded: as the attempt stands in the store, which need not be what the worker said (see DecideEnd).
  AttemptOutcome recorded = AttemptOutcome::kRunning;
  FailureClass recorded_failure = FailureClass::kNone;
};

class DispatchStore {
 public:
  virtual ~DispatchStore() = default;

  // At the start of a coordinator: every live session's lease becomes now + `lease` (also one that ran out while no
  // coordinator could renew it), every offer that was not accepted returns to the queue.
  virtual absl::Status ResetLeasesAtStart(const Scope& scope, int64_t epoch, absl::Duration lease) = 0;
  // After the store could not be reached: as above, but open offers stay.
  virtual absl::Status ExtendLeases(const Scope& scope, int64_t epoch, absl::Duration lease) = 0;

  // Jobs that wait (neither offered nor running) with id > `after`: due ones by priority descending, queued_at, id,
  // then those of later by not_before, id; at most `limit`, and kDelayedLoadMax of later.
  virtual absl::StatusOr<LoadedQueue> LoadQueue(const Scope& scope, JobId after, int limit) = 0;

  // For each: if the job waits and the session is live, a new token from the global sequence marks it as offered to
  // that session. Answers in the order of the requests. At most kClaimsMax, no job twice.
  virtual absl::StatusOr<std::vector<ClaimResult>> ClaimOffers(const Scope& scope, int64_t epoch,
                                                               const std::vector<ClaimRequest>& claims) = 0;
  virtual absl::StatusOr<std::vector<ClaimState>> ReadClaims(const Scope& scope, const std::vector<JobId>& jobs) = 0;

  // The offer becomes the job's running attempt: attempt row, lease row, job state running, in one transaction. Only if
  // the token is still the job's open offer of that session and the session is live. A repeat for an attempt that runs
  // or already completed under this token answers kRunning.
  virtual absl::StatusOr<std::vector<AcceptOutcome>> AcceptOffers(const Scope& scope, int64_t epoch,
                                                                  const std::vector<OfferRef>& offers) = 0;
  // The offer's job waits again, no attempt row is left, the token is dead for ever.
  virtual absl::StatusOr<std::vector<ReturnOutcome>> ReturnOffers(const Scope& scope, int64_t epoch,
                                                                  const std::vector<OfferRef>& offers) = 0;

  // A new session for this worker name. Former sessions of the name end: their announced attempts move here when the
  // request has the former one's secret, all others are lost (counted as worker_lost), their open offers return to the
  // queue.
  virtual absl::StatusOr<OpenedSession> OpenSession(const Scope& scope, int64_t epoch, const SessionRequest& request,
                                                    absl::Duration lease) = 0;
  // Leases become now + `lease`; returns the sessions among them that are gone.
  virtual absl::StatusOr<std::vector<SessionId>> RenewSessions(const Scope& scope, int64_t epoch,
                                                               const std::vector<SessionId>& sessions,
                                                               absl::Duration lease) = 0;
  // Ends every session whose lease ran out; its attempts are lost (counted), its open offers return.
  virtual absl::StatusOr<ExpiredSessions> ExpireSessions(const Scope& scope, int64_t epoch) = 0;
  // Ends these sessions now (the worker said goodbye): attempts lost, not counted among a job's tries.
  virtual absl::StatusOr<ExpiredSessions> EndSessions(const Scope& scope, int64_t epoch,
                                                      const std::vector<SessionId>& sessions) = 0;
  // Single attempts that outlived their deadline by far: lost, counted. Tokens that are not current are passed over.
  virtual absl::StatusOr<std::vector<LostAttempt>> LoseAttempts(const Scope& scope, int64_t epoch,
                                                                const std::vector<AttemptToken>& tokens) = 0;
};

}  // namespace gofarm::domain
