// The worker's side of the session, as a pure function: Step(state, event, now) -> effects. No thread, clock, I/O, lock
// or proto in here; the agent's threads feed events in and carry effects out, the simulation does the same with a fake
// clock.
//
// The rules it keeps:
// - Hello repeats every attempt that runs here or has ended without an answer; Welcome says keep or drop for each.
// - Losing the session ends nothing: builds go on until their own deadline (the scope of StartBuild), their completions
//   wait for the next Welcome. Dials are jittered and go round the coordinators' addresses.
// - A slot stays taken until its attempt's completion is answered, so results never pile up beyond the slots.
// - A message with a lower epoch than one seen before comes from a former leader: it is ignored and the link is closed.
// - An orderly stop takes no more offers and lets builds end by themselves within SessionConfig::drain_max, the session
//   and its redials going on. After that, or when it is asked for again, it ends what still builds, gives completions
//   kStopGrace to be answered, says Goodbye (so the coordinator gives its jobs to others at once) and leaves.
//
// Threads: none; the owner calls Step from one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/base/backoff.h"
#include "common/base/ids.h"
#include "common/vocab/offer.h"
#include "common/vocab/session.h"
#include "common/vocab/target.h"

namespace gofarm::agent {

inline constexpr absl::Duration kWelcomeTimeout = absl::Seconds(15);  // from Connected to WelcomeReceived
inline constexpr absl::Duration kReportInterval =
    absl::Seconds(30);  // report and Ready are repeated at least this often
inline constexpr absl::Duration kStopGrace = absl::Seconds(5);
inline constexpr BackoffPolicy kDialBackoff = {absl::Milliseconds(500), absl::Seconds(5), 2.0};
inline constexpr BackoffPolicy kCompleteBackoff = {absl::Milliseconds(200), absl::Seconds(10), 2.0};

struct SessionConfig {
  int slots = 1;
  std::vector<Target> targets;
  int coordinators = 1;         // how many addresses there are to dial
  absl::Duration drain_max;     // how long builds may go on after StopRequested
  std::string isolation_error;  // not empty: every offer is refused
  // A full disk kept the host from being looked at: it counts as full until IsolationChanged reports a check.
  bool isolation_unproven = false;
};

// ---- events -------------------------------------------------------------------------------------------------------
// `random` in [0, 1) is drawn by the caller: jitter is decided here, chance is not.

struct Started {
  double random = 0;
};  // first event of all
// `link` is the number that Dial gave; events of another link than the current one are ignored.
struct Connected {
  int64_t link = 0;
};
struct Disconnected {
  int64_t link = 0;
  double random = 0;
};  // also: the dial failed
struct WelcomeReceived {
  int64_t link = 0;
  int64_t epoch = 0;
  SessionId session;
  absl::Duration heartbeat;
  std::vector<AttemptToken> keep;
  std::vector<AttemptToken> drop;
  std::vector<std::string> toolsets;  // names the agent can build with (it keeps the contents itself)
};
struct OfferReceived {
  int64_t link = 0;
  int64_t epoch = 0;
  Offer offer;
};
struct CancelReceived {
  int64_t link = 0;
  int64_t epoch = 0;
  AttemptToken token;
};
struct DropReceived {
  int64_t link = 0;
  int64_t epoch = 0;
  AttemptToken token;
};
struct DrainReceived {
  int64_t link = 0;
  int64_t epoch = 0;
};
// The build made progress; the agent keeps the latest value by token and limits the rate to about one a second a phase.
struct AttemptProgressed {
  AttemptToken token;
};
// The build thread is done with it (whatever came of it, a stopped build too) and its processes are gone.
struct AttemptFinished {
  AttemptToken token;
};
// Answer to SendComplete. kRetry: not answered (unavailable, or the store still had to take the Accept).
enum class CompleteAnswer { kRecorded, kStale, kRetry };
struct CompleteAnswered {
  AttemptToken token;
  CompleteAnswer answer = CompleteAnswer::kRetry;
  double random = 0;
};
struct AttemptStale {
  AttemptToken token;
};                        // a log append or upload got FAILED_PRECONDITION for this token
struct ReportChanged {};  // what SendReport would say has changed
struct DiskSpace {
  bool low = false;
};  // low: offers are refused with kDiskFull
struct IsolationChanged {
  std::string error;
};                             // empty: builds can be isolated; else every offer is refused
struct CredentialsChanged {};  // from now on dials show another certificate
struct Tick {
  double random = 0;
};                        // at least four times a second
struct StopRequested {};  // SIGTERM; the second one is in a hurry

using Event =
    std::variant<Started, Connected, Disconnected, WelcomeReceived, OfferReceived, CancelReceived, DropReceived,
                 DrainReceived, AttemptProgressed, AttemptFinished, CompleteAnswered, AttemptStale, ReportChanged,
                 DiskSpace, IsolationChanged, CredentialsChanged, Tick, StopRequested>;

// ---- effects ------------------------------------------------------------------------------------------------------
// Send* go to the current link and may fail silently: Disconnected reports the loss of a link.

// Close what is left of the former link, wait, then dial coordinator number `address` and open the session stream.
struct Dial {
  int64_t link = 0;
  absl::Duration after;
  int address = 0;
};
struct Hangup {
  int64_t link = 0;
  std::string why;
};  // close it now; Disconnected{link} follows from the agent
struct SendHello {
  std::vector<AnnouncedAttempt> attempts;
};
struct SendReady {
  int free_slots = 0;
  bool draining = false;
  bool disk_full = false;
};
struct SendAccept {
  AttemptToken token;
};
struct SendRefuse {
  AttemptToken token;
  RefuseReason reason = RefuseReason::kNoFreeSlot;
  std::string detail;
};
// Run the build in this slot, with offer.deadline as its scope's deadline; AttemptFinished follows in every case.
struct StartBuild {
  int slot = 0;
  Offer offer;
};
// End the build's processes. Its AttemptFinished follows; what it says becomes the completion (cancelled) or is
// discarded.
enum class StopWhy { kCancelled, kDropped };
struct StopBuild {
  AttemptToken token;
  StopWhy why = StopWhy::kDropped;
};
// Upload what is missing (log tail, artifacts), then call Complete once; CompleteAnswered follows in every case, within
// a deadline of the agent's choice.
struct SendComplete {
  AttemptToken token;
};
struct DiscardResult {
  AttemptToken token;
};  // forget the attempt: report, workspace, log tail
struct SendProgress {
  AttemptToken token;
};
struct SendHeartbeat {};
struct SendReport {};
struct SendGoodbye {};
struct Exit {};  // nothing runs any more: flush the stream, close it, end the process

using Effect = std::variant<Dial, Hangup, SendHello, SendReady, SendAccept, SendRefuse, StartBuild, StopBuild,
                            SendComplete, DiscardResult, SendProgress, SendHeartbeat, SendReport, SendGoodbye, Exit>;

// ---- state --------------------------------------------------------------------------------------------------------

struct SessionState {
  explicit SessionState(SessionConfig c) : config(std::move(c)), slots(static_cast<size_t>(config.slots)) {}

  enum class Link { kDown, kDialing, kGreeted, kLive };  // kGreeted: Hello is sent, Welcome awaited
  enum class AttemptState { kBuilding, kFinished };      // kFinished: its completion is to be answered
  struct Attempt {
    AttemptToken token;
    JobId job;
    int slot = 0;
    AttemptState state = AttemptState::kBuilding;
    bool stopping = false;    // StopBuild was given out
    bool discard = false;     // the result is thrown away
    bool completing = false;  // SendComplete is out
    int complete_failures = 0;
    absl::Time complete_at = absl::InfinitePast();  // not before
  };

  SessionConfig config;
  Link link = Link::kDown;
  int64_t link_number = 0;
  int dial_failures = 0;
  int address = 0;
  absl::Time welcome_by = absl::InfiniteFuture();
  int64_t epoch = 0;
  SessionId session;
  std::vector<std::string> toolsets;
  absl::Duration heartbeat = absl::Seconds(5);
  absl::Time heartbeat_at = absl::InfiniteFuture();
  absl::Time report_at = absl::InfiniteFuture();
  std::map<AttemptToken, Attempt> attempts;        // in order, so that a run is the same each time
  std::vector<std::optional<AttemptToken>> slots;  // who sits where
  bool draining = false;
  bool disk_low = false;
  bool stop_asked = false;  // builds may go on until drain_by
  bool stopping = false;    // builds are ended
  bool goodbye_said = false;
  bool exited = false;
  absl::Time drain_by = absl::InfiniteFuture();
  absl::Time stop_by = absl::InfiniteFuture();

  int FreeSlots() const;
  bool DiskFull() const { return disk_low || config.isolation_unproven; }
};

// Applies one event. Never fails: what does not fit (unknown token, old link, repeated message) changes nothing.
std::vector<Effect> Step(SessionState& state, const Event& event, absl::Time now);

}  // namespace gofarm::agent
