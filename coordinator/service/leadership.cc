#include "coordinator/service/leadership.h"

#include <iterator>
#include <utility>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"

namespace gofarm::service {
namespace {

Scope CallScope() { return Scope::For(kLeadershipCallMax); }

std::string Text(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

Leadership::Leadership(LeadershipOptions options, leadership::LeadershipStore& store)
    : options_(std::move(options)), store_(store), state_{.timing = options_.timing}, thread_([this] { Run(); }) {}

Leadership::~Leadership() { Stop(); }

absl::StatusOr<std::optional<int64_t>> Leadership::AwaitTurn(const std::stop_token& stop, absl::Duration patience) {
  // The condition is looked at again whenever the lock is let go.
  const std::stop_callback wake(stop, [this] { const absl::MutexLock lock(&mutex_); });
  const absl::MutexLock lock(&mutex_);
  const auto decided = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stop.stop_requested() || !hopeless_.ok() || state_.role == leadership::Role::kLeading;
  };
  sync::AwaitFor(mutex_, absl::Condition(&decided), patience);
  if (!hopeless_.ok()) return hopeless_;
  if (stop.stop_requested() || state_.role != leadership::Role::kLeading) return std::nullopt;
  return state_.leader.epoch;
}

void Leadership::AwaitDeposal(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] { const absl::MutexLock lock(&mutex_); });
  const absl::MutexLock lock(&mutex_);
  const auto decided = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stop.stop_requested() || state_.role != leadership::Role::kLeading;
  };
  mutex_.Await(absl::Condition(&decided));
}

void Leadership::Lost(const absl::Status& why) { Feed(leadership::Deposed{Text(why)}); }
void Leadership::Ended() { Feed(leadership::Ended{}); }

void Leadership::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    if (std::exchange(stopping_, true)) return;
  }
  thread_.join();
}

LeadershipView Leadership::View() const {
  const absl::MutexLock lock(&mutex_);
  return {.leads = state_.role == leadership::Role::kLeading, .holder = state_.leader.holder, .why = state_.why};
}

void Leadership::Feed(const leadership::Event& event) {
  Change change;
  {
    const absl::MutexLock lock(&mutex_);
    change = Apply(event);
  }
  Log(change);
}

Leadership::Change Leadership::Apply(const leadership::Event& event) {
  Change change{.before = state_.role, .why = state_.why};
  const absl::Time due = state_.due;
  std::vector<leadership::Effect> effects = leadership::Step(state_, event, SteadyNow());
  pending_.insert(pending_.end(), std::make_move_iterator(effects.begin()), std::make_move_iterator(effects.end()));
  due_changed_ = due_changed_ || state_.due < due;
  change.after = state_.role;
  change.epoch = state_.leader.epoch;
  change.why_changed = change.why != state_.why;
  change.why = state_.why;
  return change;
}

void Leadership::Log(const Change& change) const {
  const std::string epoch = Cat(change.epoch);
  const bool moved = change.before != change.after;
  switch (change.after) {
    case leadership::Role::kLeading:
      if (moved) obs::Info("leadership_taken", {{"epoch", epoch}, {"holder", options_.holder}});
      break;
    case leadership::Role::kEnding:
      if (moved) obs::Warn("leadership_lost", {{"epoch", epoch}, {"why", change.why}});
      break;
    case leadership::Role::kReleased:
      if (moved) obs::Info("leadership_given_back", {{"epoch", epoch}});
      break;
    case leadership::Role::kStandby:
      if (moved || change.why_changed) obs::Info("coordinator_stands_by", {{"why", change.why}});
      break;
  }
}

void Leadership::Run() {
  for (;;) {
    std::optional<leadership::Effect> effect;
    {
      // A tick only asks: it changes nothing that stands in the log.
      const absl::MutexLock lock(&mutex_);
      sync::AwaitUntil(mutex_, absl::Condition(this, &Leadership::HasWork), state_.due);
      due_changed_ = false;
      if (pending_.empty()) {
        if (stopping_ || !hopeless_.ok()) return;
        Apply(leadership::Tick{});
      }
      if (pending_.empty()) continue;
      effect = pending_.front();
      pending_.pop_front();
    }
    if (const std::optional<leadership::Event> answer = Carry(*effect)) Feed(*answer);
  }
}

std::optional<leadership::Event> Leadership::Carry(const leadership::Effect& effect) {
  struct Carrier {
    Leadership& self;

    std::optional<leadership::Event> operator()(const leadership::HoldFolder&) {
      absl::StatusOr<std::string> id = self.options_.hold_folder();
      if (id.ok()) {
        self.id_ = *std::move(id);
        return leadership::FolderHeld{};
      }
      if (!absl::IsUnavailable(id.status())) {
        const absl::MutexLock lock(&self.mutex_);
        self.hopeless_ = id.status();
      }
      return leadership::FolderBusy{Text(id.status())};
    }
    std::optional<leadership::Event> operator()(const leadership::Take&) {
      const absl::StatusOr<leadership::TakeAnswer> answer =
          self.store_.Take(CallScope(), {.id = self.id_, .holder = self.options_.holder}, self.options_.timing.lease);
      if (answer.ok()) return leadership::TakeAnswered{*answer};
      return leadership::CallFailed{Text(answer.status())};
    }
    std::optional<leadership::Event> operator()(const leadership::Renew& e) {
      const absl::Status renewed = self.store_.Renew(CallScope(), e.epoch, self.options_.timing.lease);
      if (renewed.ok()) return leadership::Renewed{};
      if (absl::IsFailedPrecondition(renewed)) return leadership::Deposed{Text(renewed)};
      static obs::RateLimit log_limit(absl::Seconds(10));
      if (log_limit.Pass()) obs::Warn("leadership_not_renewed", {{"error", Text(renewed)}});
      return leadership::CallFailed{Text(renewed)};
    }
    std::optional<leadership::Event> operator()(const leadership::Release& e) {
      const absl::Status released = self.store_.Release(CallScope(), e.epoch);
      if (!released.ok()) obs::Warn("leadership_not_given_back", {{"error", Text(released)}});
      return std::nullopt;
    }
  };
  return std::visit(Carrier{*this}, effect);
}

}  // namespace gofarm::service
