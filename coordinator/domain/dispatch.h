// Who builds what: Step(state, event, now) -> effects. The queue's mirror, the workers' sessions, open offers and
// running attempts as this coordinator knows them. The store is the truth: what is decided here is claimed, accepted,
// returned and ended there under a token, and its answers come back as events (done, failed, unknown).
//
// Not here: threads, clock, I/O, locks, proto, SQL. service/dispatch_loop carries the effects; tests/sim does it with
// faults. Every decision follows ordered containers, so that a run with the same events is the same run.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/vocab/failure.h"
#include "common/vocab/labels.h"
#include "common/vocab/offer.h"
#include "common/vocab/session.h"
#include "common/vocab/target.h"
#include "common/vocab/toolset.h"
#include "coordinator/domain/affinity.h"
#include "coordinator/domain/dispatch_store.h"
#include "coordinator/domain/worker_health.h"

namespace gofarm::dispatch {

// One session stream of a worker, numbered by this process from 1.
using StreamId = Id<struct StreamTag>;

inline constexpr absl::Duration kOfferTimeout = absl::Seconds(10);
inline constexpr absl::Duration kOverdueGrace = absl::Minutes(2);  // beyond an attempt's own deadline
// Between two ticks: nothing was heard or renewed meanwhile, leases are extended and deadlines put off.
inline constexpr absl::Duration kClockJump = absl::Seconds(10);
inline constexpr absl::Duration kStoreRetry = absl::Seconds(1);  // before a failed store call is made again
inline constexpr absl::Duration kPauseAfterTrouble =
    absl::Seconds(10);  // a worker that let an offer time out, or is out of disk
inline constexpr absl::Duration kReloadSoon = absl::Seconds(5);   // whole reload of a small mirror
inline constexpr absl::Duration kReloadLate = absl::Seconds(60);  // ... of one with more than kSmallMirror jobs
inline constexpr size_t kSmallMirror = 5'000;
inline constexpr size_t kStreamsMax = 5'000;
// While a worker was heard within this time, another process that says its name is refused: two of them would replace
// each other without end. After that its stream may be a connection that died unseen, and the new process takes over.
inline constexpr absl::Duration kNameHeld = absl::Seconds(15);      // three heartbeats
inline constexpr absl::Duration kNamesakeShown = absl::Minutes(1);  // how long a refused one stands in `worker list`
inline constexpr int kSlotsMax = 1'024;                             // of one worker, whatever it says
inline constexpr size_t kFormerWorkersMax = 1'000;                  // shown as lost
inline constexpr size_t kHealthMax = 5'000;                         // workers whose failures are remembered
inline constexpr size_t kEndedTokensMax = 8'192;  // remembered, so that late news of them changes nothing

// ---- events from streams --------------------------------------------------------------------------------------------
struct HelloReceived {
  StreamId stream;
  domain::SessionRequest request;
};
struct ReadyReceived {
  StreamId stream;
  int free_slots = 0;
  bool draining = false;
  bool disk_full = false;
};
struct HeartbeatReceived {
  StreamId stream;
};
struct AcceptReceived {
  StreamId stream;
  AttemptToken token;
};
struct RefuseReceived {
  StreamId stream;
  AttemptToken token;
  RefuseReason reason = RefuseReason::kNoFreeSlot;
  std::string detail;
};
struct GoodbyeReceived {
  StreamId stream;
};
struct StreamClosed {
  StreamId stream;
};  // exactly once, last of its stream, whichever side ended it

// ---- answers of the store -------------------------------------------------------------------------------------------
enum class Answer { kDone, kFailed, kUnknown };  // kFailed: nothing was written; kUnknown: perhaps

struct SessionOpened {
  StreamId stream;
  Answer answer = Answer::kDone;
  domain::OpenedSession opened;
};
struct ClaimsAnswered {
  Answer answer = Answer::kDone;
  std::vector<domain::ClaimRequest> asked;
  std::vector<domain::ClaimResult> results;
};
struct ClaimsRead {
  Answer answer = Answer::kDone;
  std::vector<JobId> asked;
  std::vector<domain::ClaimState> states;
};
struct AcceptsAnswered {
  Answer answer = Answer::kDone;
  std::vector<domain::OfferRef> asked;
  std::vector<domain::AcceptOutcome> outcomes;
};
struct ReturnsAnswered {
  Answer answer = Answer::kDone;
  std::vector<domain::OfferRef> asked;
  std::vector<domain::ReturnOutcome> outcomes;
};
struct SessionsRenewed {
  Answer answer = Answer::kDone;
  std::vector<SessionId> gone;
};
struct LeasesExtended {
  Answer answer = Answer::kDone;
};
struct SessionsEnded {
  Answer answer = Answer::kDone;
  domain::ExpiredSessions ended;
};  // of ExpireSessions and EndSessions
struct AttemptsLost {
  Answer answer = Answer::kDone;
  std::vector<AttemptToken> asked;
  std::vector<domain::LostAttempt> lost;
};
struct QueueLoaded {
  Answer answer = Answer::kDone;
  JobId after;         // as asked
  int64_t issued = 0;  // as asked
  std::vector<domain::QueuedJob> jobs;
  bool more_due = false, more_delayed = false;  // as domain::LoadedQueue
};

// ---- events from services -------------------------------------------------------------------------------------------
struct QueueChanged {
  JobId lowest;
};  // of the new or changed rows; 0: unknown, all is read again
struct JobsRemoved {
  std::vector<JobId> jobs;
};  // cancelled while they waited or were offered
struct CancelRequested {
  std::vector<AttemptToken> tokens;
};  // running attempts whose job was cancelled
struct AttemptEnded {
  AttemptToken token;
  JobId job;
  std::optional<domain::QueuedJob> requeued;
  // As recorded.
  AttemptOutcome outcome = AttemptOutcome::kBuilt;
  FailureClass failure = FailureClass::kNone;
  std::string detail;
};  // the store took its completion
// An operator changed whether these workers get new jobs.
struct DrainsChanged {
  std::vector<domain::DrainChange> changes;
};
// An operator removed this worker, and the store ended its sessions with it.
struct WorkerRemoved {
  std::string worker;
  domain::ExpiredSessions ended;
};
struct Tick {};  // about four times a second

using Event =
    std::variant<HelloReceived, ReadyReceived, HeartbeatReceived, AcceptReceived, RefuseReceived, GoodbyeReceived,
                 StreamClosed, SessionOpened, ClaimsAnswered, ClaimsRead, AcceptsAnswered, ReturnsAnswered,
                 SessionsRenewed, LeasesExtended, SessionsEnded, AttemptsLost, QueueLoaded, QueueChanged, JobsRemoved,
                 CancelRequested, AttemptEnded, DrainsChanged, WorkerRemoved, Tick>;

// ---- effects on the store: each is answered by exactly one event ----------------------------------------------------
struct OpenSession {
  StreamId stream;
  domain::SessionRequest request;
};
struct Claim {
  std::vector<domain::ClaimRequest> claims;
};  // at most domain::kClaimsMax
struct ReadClaims {
  std::vector<JobId> jobs;
};
struct StoreAccept {
  domain::OfferRef offer;
};  // those of one round go into one AcceptOffers
struct StoreReturn {
  domain::OfferRef offer;
};  // likewise ReturnOffers
struct RenewSessions {
  std::vector<SessionId> sessions;
};
struct ExtendLeases {};
struct ExpireSessions {};
struct EndSessions {
  std::vector<SessionId> sessions;
};
struct LoseAttempts {
  std::vector<AttemptToken> tokens;
};
struct LoadQueue {
  JobId after;
  int64_t issued = 0;
  int limit = 0;
};

using StoreCall = std::variant<OpenSession, Claim, ReadClaims, StoreAccept, StoreReturn, RenewSessions, ExtendLeases,
                               ExpireSessions, EndSessions, LoseAttempts, LoadQueue>;

// ---- effects on streams ---------------------------------------------------------------------------------------------
// What goes down a session's stream, from here to the bytes on the wire; each also carries the leader's epoch.
struct Welcome {
  SessionId session;
  std::vector<AttemptToken> keep;
  std::vector<AttemptToken> drop;
  std::shared_ptr<const std::vector<Toolset>> toolsets;
  bool same_secret = false;  // as domain::OpenedSession; else the stream gives the fresh one
};
struct Cancel {
  AttemptToken token;
};
struct Drop {
  AttemptToken token;
};
struct Drain {};
using SessionMessage = std::variant<Welcome, Offer, Cancel, Drop, Drain>;

struct Send {
  StreamId stream;
  SessionMessage message;
};
enum class CloseWhy { kSuperseded, kSessionGone, kStoreUnavailable, kTooManyWorkers, kNameTaken, kLeft, kRemoved };
struct Close {
  StreamId stream;
  CloseWhy why = CloseWhy::kSessionGone;
};

// ---- notes for those who show the farm
// -------------------------------------------------------------------------------
struct NoteOffered {
  AttemptToken token;
  domain::QueuedJob job;
  std::string worker;
};
struct NoteRunning {
  AttemptToken token;
  domain::QueuedJob job;
  std::string worker;
  absl::Time since;
};
struct NoteLost {
  AttemptToken token;
  domain::QueuedJob job;
  std::string worker;
  JobState job_state = JobState::kQueued;  // kQueued: it waits again; else it ended
};
// Of one that ran before this process led, whose worker never came to this one.
struct NoteLostUnseen {
  domain::LostAttempt attempt;
};

using Effect = std::variant<StoreCall, Send, Close, NoteOffered, NoteRunning, NoteLost, NoteLostUnseen>;

// ---- state ----------------------------------------------------------------------------------------------------------

struct Options {
  absl::Duration attempt_deadline = absl::Minutes(60);  // as offers state it
  BuildLimits limits;
  std::shared_ptr<const std::vector<Toolset>> toolsets;
};

enum class JobPhase {
  kDelayed,  // not_before lies ahead
  kWaiting,
  kClaiming,  // the store is asked for a token
  kReading,   // that answer was lost: the store is asked what became of it
  kOffered,
  kAccepting,  // the worker took it; the store is to take the Accept
  kReturning,  // the store is to take the offer back
  kRunning,
};

// An attempt of which the store is asked whether it still runs.
struct DoubtfulAttempt {
  AttemptToken token;
  std::string worker;
};

struct JobEntry {
  domain::QueuedJob job;
  JobPhase phase = JobPhase::kWaiting;
  AttemptToken token;                                      // from kOffered on
  SessionId session;                                       // from kClaiming on
  absl::Time started;                                      // kRunning: the attempt
  absl::Time until;                                        // kOffered: the offer's end; kRunning: when it is overdue
  int64_t changed = 0;                                     // number of the step that put it into this phase
  bool cancel = false;                                     // a running attempt that is to be cancelled
  std::optional<DoubtfulAttempt> doubtful = std::nullopt;  // kReading, after kAccepting or kRunning
};

struct Session {
  SessionId id;
  StreamId stream;  // 0: the stream broke, the lease still runs
  domain::SessionRequest hello;
  int reported_free = 0;  // the last Ready, less what was accepted since
  bool draining = false;  // it says so: it is being stopped
  domain::DrainMark drain;
  bool disk_full = false;  // why it has no free slots
  bool leaving = false;    // it said Goodbye
  bool heard = false;      // since the last renewal
  bool suspect = false;    // as DispatchState::health says of its worker: one probing offer at a time
  absl::Time last_seen;
  absl::Time paused_until = absl::InfinitePast();
  absl::Time namesake_at = absl::InfinitePast();  // when another process was refused this worker's name last
  int namesake_pid = 0;
  std::set<AttemptToken> offers;                     // kOffered
  std::set<AttemptToken> running;                    // kAccepting and kRunning
  int claims = 0;                                    // kClaiming and kReading
  std::set<std::pair<Target, std::string>> refused;  // target and toolset this worker turned down
  std::deque<std::string> recent_modules;            // module keys whose source it has, newest first
  int indexed_free = 0;                              // as it stands in DispatchState::free
  bool indexed_able = false;                         // as it stands in DispatchState::able
  bool indexed_sound = false;                        // as it stands in DispatchState::sound

  // Connected and able to isolate.
  bool Builds() const;
  bool Draining() const { return draining || drain.drained || leaving; }
  // It takes offers when it has a free slot.
  bool Able() const { return Builds() && !Draining(); }
  int Available(absl::Time now) const;
};

// Hello came, the store is asked.
struct Greeting {
  domain::SessionRequest request;
  domain::DrainMark drain;  // news that came since
};

struct FormerWorker {
  domain::SessionRequest hello;
  absl::Time last_seen;
};

// The order in which workers with free slots are taken: the most free slots, then those whose host is of the target
// (they also see whether its programs start), then the session.
using FreeKey = std::tuple<int, bool, SessionId>;
FreeKey FreeKeyOf(const Session& session, Target target, int available);

// What one worker turns down it turns down for all jobs of a group.
struct WaitGroup {
  Target target;
  std::string toolset;
  Labels labels;
  auto operator<=>(const WaitGroup&) const = default;
};

// The order of the queue: priority descending, then queued_at, then id.
using WaitKey = std::tuple<int, absl::Time, JobId>;

struct DispatchState {
  explicit DispatchState(Options o = {}) : options(o) {}

  Options options;
  int64_t steps = 0;

  // The mirror and its indexes.
  absl::flat_hash_map<JobId, JobEntry> jobs;
  std::map<WaitGroup, std::set<WaitKey>> waiting;        // kWaiting
  std::set<std::pair<absl::Time, JobId>> delayed;        // kDelayed: of those in the store, the ones that are due first
  std::array<int64_t, kAllTargets.size()> delayed_of{};  // by target
  absl::flat_hash_map<std::string, std::vector<JobId>> by_module;
  absl::flat_hash_map<AttemptToken, JobId> by_token;            // kOffered to kRunning
  std::set<std::pair<absl::Time, AttemptToken>> offers_until;   // kOffered
  std::set<std::pair<absl::Time, AttemptToken>> running_until;  // kRunning
  bool truncated = false;          // the store has more due jobs than the last whole load took
  bool delayed_truncated = false;  // ... and more delayed ones

  // Sessions.
  std::map<SessionId, Session> sessions;
  absl::flat_hash_map<StreamId, SessionId> streams;  // welcomed ones
  std::map<StreamId, Greeting> greeting;
  absl::flat_hash_map<std::string, SessionId> by_worker;
  std::map<std::string, FormerWorker> former;              // no session any more
  std::array<std::set<FreeKey>, kAllTargets.size()> free;  // by target
  std::array<int, kAllTargets.size()> able{};              // connected sessions that take offers, by target
  std::array<int, kAllTargets.size()> sound{};             // those of them whose worker is not suspect
  int connected = 0;
  std::map<std::string, domain::WorkerHealth> health;  // of workers whose last attempt failed through their fault
  std::set<std::pair<absl::Time, SessionId>> paused;
  Affinity affinity;

  // What the store still owes an answer for, or must be asked again.
  std::set<AttemptToken> accepts_again;
  std::map<AttemptToken, domain::OfferRef> returns;  // asked, unanswered
  std::map<AttemptToken, domain::OfferRef> returns_again;
  std::set<JobId> reads_again;
  std::set<AttemptToken> ended;  // the newest kEndedTokensMax tokens that ended
  absl::Time retry_at = absl::InfinitePast();
  absl::Time claims_from = absl::InfinitePast();
  bool loading = false;
  std::optional<JobId> load_wanted;  // after this id
  absl::Time whole_load_at = absl::InfinitePast();
  absl::Time refill_at = absl::InfinitePast();  // not before: a whole load since the mirror ran low
  bool renewing = false;
  absl::Time renew_at = absl::InfinitePast();
  bool expiring = false;
  absl::Time expire_at = absl::InfinitePast();
  absl::Time last_tick = absl::InfiniteFuture();
  bool leases_in_doubt = false;  // none could be renewed for a while: extend all before anything expires
  bool losing = false;           // LoseAttempts is out

  struct Counters {
    int64_t offers_made = 0, offers_accepted = 0, offers_refused = 0, offers_timed_out = 0, attempts_lost = 0,
            store_failures = 0;
    std::array<int64_t, static_cast<size_t>(RefuseReason::kDiskFull) + 1> refused_for{};  // by the reason's number
  } counters;
};

// Applies one event. Never fails: news of unknown streams, tokens and jobs changes nothing (or drops the worker's
// work).
std::vector<Effect> Step(DispatchState& state, const Event& event, absl::Time now);

// Broken bookkeeping as text, empty when all indexes agree: for the simulation and tests. Walks everything.
std::string CheckInvariants(const DispatchState& state);

}  // namespace gofarm::dispatch
