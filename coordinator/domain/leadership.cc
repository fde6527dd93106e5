#include "coordinator/domain/leadership.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"

namespace gofarm::leadership {
namespace {

constexpr absl::Duration kAskFloor = absl::Milliseconds(50);  // after a lease whose end is a moment away

class Machine {
 public:
  Machine(State& state, absl::Time now) : s_(state), now_(now) {}

  std::vector<Effect> Finish() && { return std::move(effects_); }

  void On(const Tick&) {
    if (now_ < s_.due) return;
    switch (s_.role) {
      case Role::kStandby:
        if (s_.folder_held) {
          Ask(Take{});
        } else {
          Ask(HoldFolder{});
        }
        break;
      case Role::kLeading:
        Ask(Renew{s_.leader.epoch});
        break;
      case Role::kEnding:
      case Role::kReleased:
        break;
    }
  }

  void On(const FolderHeld&) {
    s_.folder_held = true;
    s_.due = now_;
  }

  void On(const FolderBusy& e) { StandBy(e.why, s_.timing.ask_every); }

  void On(const TakeAnswered& e) {
    if (s_.role != Role::kStandby) return;
    s_.leader = e.answer.leader;
    if (e.answer.taken) {
      s_.role = Role::kLeading;
      s_.why.clear();
      s_.due = now_ + s_.timing.renew_every;
      return;
    }
    // The end of the lease by the store's clock, or sooner: a leader that stops gives its lease back.
    const absl::Duration left = std::max(s_.leader.lease_left, kAskFloor);
    StandBy(Cat(s_.leader.holder, " leads"), std::min(left, s_.timing.ask_every));
  }

  void On(const CallFailed& e) {
    // A leader that cannot reach the store leads on: nobody else can take it there either, and if somebody could, this
    // one's next write says so.
    if (s_.role == Role::kLeading) s_.due = now_ + s_.timing.ask_every;
    if (s_.role == Role::kStandby) StandBy(e.why, s_.timing.ask_every);
  }

  void On(const Renewed&) {
    if (s_.role == Role::kLeading) s_.due = now_ + s_.timing.renew_every;
  }

  void On(const Deposed& e) {
    if (s_.role != Role::kLeading) return;
    s_.role = Role::kEnding;
    s_.why = e.why;
    s_.due = absl::InfiniteFuture();
  }

  void On(const Ended&) {
    if (s_.role == Role::kEnding) {
      s_.role = Role::kStandby;
      s_.due = now_ + s_.timing.ask_every;
    } else if (s_.role == Role::kLeading) {
      s_.role = Role::kReleased;
      s_.why = "it gave the leadership up";
      s_.due = absl::InfiniteFuture();
      effects_.push_back(Release{s_.leader.epoch});
    }
  }

 private:
  void Ask(const Effect& effect) {
    s_.due = absl::InfiniteFuture();
    effects_.push_back(effect);
  }

  void StandBy(std::string why, absl::Duration wait) {
    s_.why = std::move(why);
    s_.due = now_ + wait;
  }

  State& s_;
  const absl::Time now_;
  std::vector<Effect> effects_;
};

}  // namespace

std::vector<Effect> Step(State& state, const Event& event, absl::Time now) {
  Machine machine(state, now);
  std::visit([&](const auto& e) { machine.On(e); }, event);
  return std::move(machine).Finish();
}

}  // namespace gofarm::leadership
