#include "worker/agent/session_logic.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"

namespace gofarm::agent {
namespace {

using Attempt = SessionState::Attempt;
using AttemptState = SessionState::AttemptState;
using Link = SessionState::Link;

bool Contains(const std::vector<AttemptToken>& tokens, AttemptToken token) {
  return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
}

class Machine {
 public:
  Machine(SessionState& state, absl::Time now) : s_(state), now_(now) {}

  std::vector<Effect> Take() { return std::move(effects_); }

  void On(const Started& e) { DialAgain(absl::Milliseconds(200) * e.random); }

  void On(const Connected& e) {
    if (e.link != s_.link_number || s_.link != Link::kDialing) return;
    s_.link = Link::kGreeted;
    s_.welcome_by = now_ + kWelcomeTimeout;
    SendHello hello;
    for (const auto& [token, attempt] : s_.attempts) {
      // What was dropped already is no longer ours to announce.
      if (attempt.discard) continue;
      hello.attempts.push_back({token, attempt.job, attempt.state == AttemptState::kFinished});
    }
    Emit(std::move(hello));
  }

  void On(const Disconnected& e) {
    if (e.link != s_.link_number || s_.link == Link::kDown) return;
    s_.link = Link::kDown;
    s_.welcome_by = s_.heartbeat_at = s_.report_at = absl::InfiniteFuture();
    // While builds may still end, their completions need a session.
    if (s_.stopping || (s_.stop_asked && s_.attempts.empty())) {
      LeaveIfDone();
      return;
    }
    ++s_.dial_failures;
    s_.address = (s_.address + 1) % std::max(1, s_.config.coordinators);
    DialAgain(BackoffDelay(kDialBackoff, s_.dial_failures, e.random));
  }

  void On(const WelcomeReceived& e) {
    if (e.link != s_.link_number || s_.link != Link::kGreeted || !EpochOk(e.epoch)) return;
    s_.link = Link::kLive;
    s_.welcome_by = absl::InfiniteFuture();
    s_.dial_failures = 0;
    s_.session = e.session;
    s_.toolsets = e.toolsets;
    s_.heartbeat = std::max(e.heartbeat, absl::Milliseconds(100));
    s_.heartbeat_at = now_ + s_.heartbeat;
    for (const AttemptToken token : Tokens()) {
      // An attempt the coordinator says nothing of is none of its own.
      if (!Contains(e.keep, token)) Drop(token);
    }
    for (auto& [token, attempt] : s_.attempts) {
      attempt.complete_at = now_;
      CompleteIfDue(attempt);
    }
    Ready();
    Report();
  }

  void On(const OfferReceived& e) {
    if (!Live(e.link, e.epoch)) return;
    const Offer& offer = e.offer;
    if (s_.attempts.contains(offer.token)) return;
    if (const std::optional<SendRefuse> refusal = Refusal(offer)) {
      Emit(*refusal);
      return;
    }
    const auto free = std::find(s_.slots.begin(), s_.slots.end(), std::nullopt);
    *free = offer.token;
    const int slot = static_cast<int>(free - s_.slots.begin());
    s_.attempts.emplace(offer.token, Attempt{.token = offer.token, .job = offer.job, .slot = slot});
    Emit(SendAccept{offer.token});
    Emit(StartBuild{slot, offer});
    Ready();
  }

  void On(const CancelReceived& e) {
    if (!Live(e.link, e.epoch)) return;
    const auto it = s_.attempts.find(e.token);
    if (it == s_.attempts.end() || it->second.state != AttemptState::kBuilding) return;
    StopOnce(it->second, StopWhy::kCancelled);
  }

  void On(const DropReceived& e) {
    if (!Live(e.link, e.epoch)) return;
    Drop(e.token);
  }

  void On(const DrainReceived& e) {
    if (!Live(e.link, e.epoch)) return;
    s_.draining = true;
    Ready();
  }

  void On(const AttemptProgressed& e) {
    const auto it = s_.attempts.find(e.token);
    if (it == s_.attempts.end() || it->second.discard || s_.link != Link::kLive) return;
    Emit(SendProgress{e.token});
  }

  void On(const AttemptFinished& e) {
    const auto it = s_.attempts.find(e.token);
    if (it == s_.attempts.end() || it->second.state != AttemptState::kBuilding) return;
    it->second.state = AttemptState::kFinished;
    if (it->second.discard) {
      Forget(e.token);
    } else {
      CompleteIfDue(it->second);
    }
    LeaveIfDone();
  }

  void On(const CompleteAnswered& e) {
    const auto it = s_.attempts.find(e.token);
    if (it == s_.attempts.end() || !it->second.completing) return;
    Attempt& attempt = it->second;
    attempt.completing = false;
    if (e.answer != CompleteAnswer::kRetry || attempt.discard) {
      Forget(e.token);
    } else {
      ++attempt.complete_failures;
      attempt.complete_at = now_ + BackoffDelay(kCompleteBackoff, attempt.complete_failures, e.random);
    }
    LeaveIfDone();
  }

  void On(const AttemptStale& e) { Drop(e.token); }

  void On(const ReportChanged&) {
    if (s_.link == Link::kLive) Report();
  }

  void On(const DiskSpace& e) {
    if (s_.disk_low == e.low) return;
    const bool was_full = s_.DiskFull();
    s_.disk_low = e.low;
    if (s_.DiskFull() == was_full) return;
    if (s_.link == Link::kLive) Ready();
  }

  void On(const IsolationChanged& e) {
    const bool could = s_.config.isolation_error.empty();
    const bool was_full = s_.DiskFull();
    s_.config.isolation_error = e.error;
    s_.config.isolation_unproven = false;
    // Hello carries it, so the session is opened anew; builds go on. A change of wording alone does not need that.
    const bool greeted = s_.link == Link::kGreeted || s_.link == Link::kLive;
    if (could != e.error.empty() && greeted && !s_.stop_asked)
      Emit(Hangup{s_.link_number, "what this worker can isolate has changed"});
    if (could && e.error.empty() && s_.DiskFull() != was_full && s_.link == Link::kLive) Ready();
  }

  void On(const CredentialsChanged&) {
    const bool greeted = s_.link == Link::kGreeted || s_.link == Link::kLive;
    if (greeted && !s_.stopping) Emit(Hangup{s_.link_number, "this worker has a new certificate"});
  }

  void On(const Tick&) {
    if (now_ >= s_.welcome_by) {
      s_.welcome_by = absl::InfiniteFuture();
      Emit(Hangup{s_.link_number, "no Welcome from the coordinator in time"});
    }
    if (now_ >= s_.heartbeat_at) {
      s_.heartbeat_at = now_ + s_.heartbeat;
      Emit(SendHeartbeat{});
    }
    if (now_ >= s_.report_at) {
      Ready();
      Report();
    }
    for (auto& [token, attempt] : s_.attempts) CompleteIfDue(attempt);
    EndBuildsIfDue();
    LeaveIfDone();
  }

  void On(const StopRequested&) {
    if (s_.stopping) return;
    s_.drain_by = s_.stop_asked ? now_ : now_ + s_.config.drain_max;
    s_.stop_asked = s_.draining = true;
    if (s_.link == Link::kLive) Ready();
    EndBuildsIfDue();
    LeaveIfDone();
  }

 private:
  void Emit(Effect effect) { effects_.push_back(std::move(effect)); }

  std::vector<AttemptToken> Tokens() const {
    std::vector<AttemptToken> tokens;
    for (const auto& [token, attempt] : s_.attempts) tokens.push_back(token);
    return tokens;
  }

  void DialAgain(absl::Duration after) {
    ++s_.link_number;
    s_.link = Link::kDialing;
    Emit(Dial{s_.link_number, after, s_.address});
  }

  // A lower epoch is a former leader's: its link is of no use.
  bool EpochOk(int64_t epoch) {
    if (epoch < s_.epoch) {
      s_.welcome_by = absl::InfiniteFuture();
      Emit(Hangup{s_.link_number, Cat("coordinator of epoch ", epoch, " was replaced by one of epoch ", s_.epoch)});
      return false;
    }
    s_.epoch = epoch;
    return true;
  }

  bool Live(int64_t link, int64_t epoch) { return link == s_.link_number && s_.link == Link::kLive && EpochOk(epoch); }

  void Ready() {
    s_.report_at = std::min(s_.report_at, now_ + kReportInterval);
    Emit(SendReady{s_.FreeSlots(), s_.draining, s_.DiskFull()});
  }

  void Report() {
    s_.report_at = now_ + kReportInterval;
    Emit(SendReport{});
  }

  std::optional<SendRefuse> Refusal(const Offer& offer) const {
    const auto refuse = [&](RefuseReason reason, std::string detail) {
      return SendRefuse{offer.token, reason, std::move(detail)};
    };
    if (!s_.config.isolation_error.empty()) return refuse(RefuseReason::kCannotIsolate, s_.config.isolation_error);
    if (s_.draining) return refuse(RefuseReason::kDraining, "this worker takes no more offers");
    if (std::find(s_.config.targets.begin(), s_.config.targets.end(), offer.target) == s_.config.targets.end()) {
      // A later coordinator may know targets that have no name here.
      const bool known = std::find(kAllTargets.begin(), kAllTargets.end(), offer.target) != kAllTargets.end();
      return refuse(
          RefuseReason::kUnsupportedTarget,
          Cat("this worker does not build for ", known ? TargetName(offer.target) : "a target it does not know"));
    }
    if (std::find(s_.toolsets.begin(), s_.toolsets.end(), offer.toolset) == s_.toolsets.end()) {
      return refuse(RefuseReason::kUnknownToolset, Cat("toolset ", offer.toolset, " was not in Welcome"));
    }
    if (s_.DiskFull()) return refuse(RefuseReason::kDiskFull, "the work or cache folder is nearly full");
    if (s_.FreeSlots() == 0) return refuse(RefuseReason::kNoFreeSlot, "all slots are taken");
    return std::nullopt;
  }

  void StopOnce(Attempt& attempt, StopWhy why) {
    if (attempt.stopping) return;
    attempt.stopping = true;
    Emit(StopBuild{attempt.token, why});
  }

  // The attempt is no longer ours: nothing more is said of it.
  void Drop(AttemptToken token) {
    const auto it = s_.attempts.find(token);
    if (it == s_.attempts.end()) return;
    Attempt& attempt = it->second;
    attempt.discard = true;
    if (attempt.state == AttemptState::kBuilding) {
      StopOnce(attempt, StopWhy::kDropped);
    } else if (!attempt.completing) {
      Forget(token);
    }
  }

  void Forget(AttemptToken token) {
    const auto it = s_.attempts.find(token);
    s_.slots[static_cast<size_t>(it->second.slot)] = std::nullopt;
    s_.attempts.erase(it);
    Emit(DiscardResult{token});
    if (s_.link == Link::kLive) Ready();
  }

  void EndBuildsIfDue() {
    if (s_.stopping || now_ < s_.drain_by) return;
    s_.stopping = true;
    s_.stop_by = now_ + kStopGrace;
    for (auto& [token, attempt] : s_.attempts) {
      if (attempt.state != AttemptState::kBuilding) continue;
      attempt.discard = true;
      StopOnce(attempt, StopWhy::kDropped);
    }
  }

  // Completions go out while a session lives: before Welcome nobody knows whether this attempt is still wanted.
  void CompleteIfDue(Attempt& attempt) {
    if (attempt.state != AttemptState::kFinished || attempt.completing || attempt.discard) return;
    if (s_.link != Link::kLive || now_ < attempt.complete_at) return;
    attempt.completing = true;
    Emit(SendComplete{attempt.token});
  }

  void LeaveIfDone() {
    if (!s_.stop_asked || s_.exited) return;
    if (!s_.stopping && !s_.attempts.empty()) return;
    bool building = false;
    bool unanswered = false;
    for (const auto& [token, attempt] : s_.attempts) {
      (attempt.state == AttemptState::kBuilding ? building : unanswered) = true;
    }
    const bool live = s_.link == Link::kLive;
    if (live && unanswered && now_ < s_.stop_by) return;
    if (live && !s_.goodbye_said) {
      s_.goodbye_said = true;
      Emit(SendGoodbye{});
    }
    if (building) return;
    s_.exited = true;
    for (const auto& [token, attempt] : s_.attempts) Emit(DiscardResult{token});
    s_.attempts.clear();
    std::fill(s_.slots.begin(), s_.slots.end(), std::nullopt);
    Emit(Exit{});
  }

  SessionState& s_;
  const absl::Time now_;
  std::vector<Effect> effects_;
};

}  // namespace

int SessionState::FreeSlots() const {
  if (DiskFull() || !config.isolation_error.empty()) return 0;
  return static_cast<int>(std::count(slots.begin(), slots.end(), std::nullopt));
}

std::vector<Effect> Step(SessionState& state, const Event& event, absl::Time now) {
  if (state.exited) return {};
  Machine machine(state, now);
  std::visit([&](const auto& e) { machine.On(e); }, event);
  return machine.Take();
}

}  // namespace gofarm::agent
