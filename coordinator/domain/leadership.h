// Which of several coordinators leads: Step(state, event, now) -> effects, of one of them. The store gives the
// leadership for a lease, judged by its own clock, and an epoch that only grows; every write of the dispatcher is
// conditional on the epoch, so a leader that was away for longer than its lease writes nothing more.
//
// Not here: threads, I/O, locks. service/leadership carries the effects; tests/sim does it with faults.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"

namespace gofarm::leadership {

inline constexpr absl::Duration kLease = absl::Seconds(15);
inline constexpr absl::Duration kRenewEvery = absl::Seconds(3);  // by the leader: five tries within a lease
inline constexpr absl::Duration kAskEvery = absl::Seconds(1);    // by one that stands by, and after a call that failed

struct Claim {
  // Stands in the data_dir. Whoever holds that folder's lock and finds its own id in the store knows that the leader
  // was its own former process, which is dead: it need not wait for the end of the lease.
  std::string id;
  std::string holder;  // host and pid, for people
};
struct Leader {
  int64_t epoch = 0;
  std::string holder;
  absl::Duration lease_left;
};
struct TakeAnswer {
  bool taken = false;
  Leader leader;  // after the call: the caller, or who stands in its way
};

// Errors as in domain/dispatch_store.h: UNKNOWN: it may have happened, and the call may be repeated.
class LeadershipStore {
 public:
  virtual ~LeadershipStore() = default;
  // Taken when the lease is over or the claim's id is the leader's; the epoch is then higher than any before.
  virtual absl::StatusOr<TakeAnswer> Take(const Scope& scope, const Claim& claim, absl::Duration lease) = 0;
  // The lease becomes now + `lease`, also one that ran out while nobody took it. FAILED_PRECONDITION: another one
  // leads.
  virtual absl::Status Renew(const Scope& scope, int64_t epoch, absl::Duration lease) = 0;
  // Ends the lease of this epoch now.
  virtual absl::Status Release(const Scope& scope, int64_t epoch) = 0;
};

struct Timing {
  absl::Duration lease = kLease;
  absl::Duration renew_every = kRenewEvery;
  absl::Duration ask_every = kAskEvery;
};

enum class Role {
  kStandby,
  kLeading,
  kEnding,    // another one leads; what was built on the leadership is being taken down
  kReleased,  // given up for good
};

// ---- events ---------------------------------------------------------------------------------------------------------
struct Tick {};  // when State::due has come
struct FolderHeld {};
struct FolderBusy {
  std::string why;
};
struct TakeAnswered {
  TakeAnswer answer;
};
struct CallFailed {  // Take or Renew, for another reason than the one below
  std::string why;
};
struct Renewed {};
struct Deposed {  // a renewal or any other write was refused: another one leads
  std::string why;
};
// What lived as long as the leadership is taken down: after Deposed, or by its own will (a stop).
struct Ended {};
using Event = std::variant<Tick, FolderHeld, FolderBusy, TakeAnswered, CallFailed, Renewed, Deposed, Ended>;

// ---- effects: the first three are answered by exactly one event -----------------------------------------------------
struct HoldFolder {};
struct Take {};
struct Renew {
  int64_t epoch = 0;
};
struct Release {
  int64_t epoch = 0;
};
using Effect = std::variant<HoldFolder, Take, Renew, Release>;

struct State {
  Timing timing;
  Role role = Role::kStandby;
  bool folder_held = false;               // once held, as long as the process lives
  absl::Time due = absl::InfinitePast();  // of the next tick; never while an answer is awaited
  Leader leader;                          // as last read; of this coordinator while it leads
  std::string why;                        // why it does not lead, for people; empty while it leads
};

std::vector<Effect> Step(State& state, const Event& event, absl::Time now);

}  // namespace gofarm::leadership
