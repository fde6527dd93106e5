// What every saboteur does, drawn from the seed of a run: the same seed, actor and number give the same deed. When it
// happens is up to the machine, so a run is not repeated in every detail, but its mixture is. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/time/time.h"

namespace gofarm::chaos {

// Numbers that depend on nothing but seed, actor and number.
class Dice {
 public:
  Dice(uint64_t seed, std::string_view actor, int64_t number);
  uint64_t Next();
  int Below(int limit);  // limit >= 1
  bool OneIn(int n) { return Below(n) == 0; }
  absl::Duration Between(absl::Duration low, absl::Duration high);

 private:
  uint64_t state_;
};

// How a worker treats one offer.
enum class Deed {
  kBuild,
  kBuildTwice,        // the same completion again, and once more with another story
  kTwoStoriesAtOnce,  // two completions that contradict each other, at the same moment
  kFail,              // of a class that is final
  kFailForNow,        // of a class that is tried again
  kNothingToBuild,
  kPartial,
  kStaleTokenFirst,   // completes its last job under this token and this job under the last token, then builds
  kOthersToken,       // completes what another worker was given, then builds
  kGarbageToken,      // logs, uploads and completes under tokens that never were, then builds
  kGarbageMessage,    // says what no worker may say on its session, then builds
  kCutMidway,         // breaks its session, builds on, completes with the secret
  kHalfUpload,        // breaks the upload off and goes on with it
  kWrongBytes,        // uploads other bytes than announced, then the right ones
  kNotUploaded,       // reports an executable that it never uploaded
  kNotStaticPie,      // uploads and reports a dynamic program
  kCancelledUnasked,  // reports as cancelled what nobody cancelled
  kForget,            // breaks its session and does not announce the attempt; completes it much later
  kOutliveLease,      // says nothing until its lease ended, then completes
  kGoodbye,           // leaves in the middle of its attempts and comes back
  kDie,               // a new process takes its name, without the secret and the attempts
  kRefuse,
  kNoAnswer,    // neither accepts nor refuses
  kLateAccept,  // accepts and completes when the offer is dead
};
inline constexpr int kDeeds = static_cast<int>(Deed::kLateAccept) + 1;

struct DeedPlan {
  Deed deed = Deed::kBuild;
  absl::Duration work;    // before the end of the attempt
  int log_chunks = 0;     // written meanwhile
  int program_bytes = 0;  // of the executable, at least
  bool stubborn = false;  // goes on when it is told to cancel or drop
};
// A job that was failed `failures_before` times is treated well at last, so that a run ends: each such failure triples
// the time until it is offered again.
inline constexpr int kFailuresMax = 3;
DeedPlan PlanDeed(uint64_t seed, std::string_view worker, int64_t number, int failures_before);
// What a worker does that has no bad intent.
DeedPlan PlanHonestDeed(uint64_t seed, std::string_view worker, int64_t number);

// What happens to the farm as a whole.
enum class Blow {
  kKillCoordinator,   // -9, and a new start
  kStopCoordinator,   // SIGTERM, and a new start
  kPauseCoordinator,  // SIGSTOP for `length`
  kKillPostgres,      // -9, and a new start after `length`
  kKillBackend,       // -9 of one connection's process: the server throws out all and recovers
  kPauseBackend,      // SIGSTOP of one connection's process for `length`
  kCutAll,            // every connection of every worker, in the middle of what it carries
  kCutOne,
  kStallOne,  // no byte passes for `length`, as when a worker is stopped or its network is gone
};
inline constexpr int kBlows = static_cast<int>(Blow::kStallOne) + 1;
const char* NameOf(Blow blow);

struct BlowPlan {
  absl::Duration after;  // the one before
  Blow blow = Blow::kCutOne;
  absl::Duration length;
  int victim = 0;  // modulo how many there are
};
BlowPlan PlanBlow(uint64_t seed, int64_t number);

// One submission of a customer and what follows it.
struct OrderPlan {
  int modules = 1;
  int targets = 1;
  bool known = false;  // modules of an earlier order: their jobs are joined
  bool force = false;
  bool repeat = false;  // the same request again
  bool alter = false;   // the same request id with other content
  bool cancel_batch = false;
  bool cancel_job = false;
  bool retry = false;
  absl::Duration pause;  // between the order and what follows
};
OrderPlan PlanOrder(uint64_t seed, std::string_view customer, int64_t number);

}  // namespace gofarm::chaos
