#include "common/io/request_budget.h"

namespace gofarm::io {
namespace {

absl::Duration Interval(const BudgetLimits& limits) { return absl::Seconds(1) / limits.per_second; }

}  // namespace

void RequestBudget::SetLimits(const BudgetLimits& limits) {
  limits_ = limits;
  limits_.burst = std::max(limits_.burst, 1);
  // A wait that the old pace made necessary is not kept for the new one.
  due_ = absl::InfinitePast();
}

absl::Time RequestBudget::NextAt(absl::Time now) const {
  if (limits_.concurrent > 0 && under_way_ >= limits_.concurrent) return absl::InfiniteFuture();
  if (limits_.per_second <= 0) return now;
  // Further ahead than a pace can bring it: the clock was set back.
  const absl::Duration ahead_max = Interval(limits_) * limits_.burst;
  const absl::Time due = due_ > now + ahead_max ? now : due_;
  return due - Interval(limits_) * (limits_.burst - 1);
}

bool RequestBudget::TryTake(absl::Time now) {
  if (NextAt(now) > now) return false;
  if (limits_.per_second > 0) {
    const absl::Duration ahead_max = Interval(limits_) * limits_.burst;
    due_ = (due_ > now + ahead_max ? now : std::max(due_, now)) + Interval(limits_);
  }
  ++under_way_;
  return true;
}

}  // namespace gofarm::io
