#include "coordinator/service/audit_log.h"

#include <algorithm>
#include <utility>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"
#include "coordinator/store/identity_store.h"

namespace gofarm::service {
namespace {

constexpr absl::Duration kWriteMax = absl::Seconds(5);
constexpr absl::Duration kLastWritesMax = absl::Seconds(2);

std::string Shown(std::string_view detail) { return Clip(EscapeForPrint(detail), kAuditDetailMax); }

}  // namespace

bool RefusalFilter::Take(Bucket& bucket, double burst, double a_second, absl::Time now) {
  const double gone = bucket.at == absl::InfinitePast() ? 0 : absl::ToDoubleSeconds(now - bucket.at);
  bucket.left = std::min(burst, bucket.left + gone * a_second);
  bucket.at = now;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

bool RefusalFilter::Pass(const std::string& origin, absl::Time now) {
  auto it = by_origin_.find(origin);
  if (it == by_origin_.end()) {
    // Those that were quiet for long enough to have their burst again need no memory.
    const absl::Duration quiet = absl::Seconds(kOriginBurst / kOriginRefusalsASecond);
    if (by_origin_.size() >= kOriginsMax) {
      absl::erase_if(by_origin_, [&](const auto& entry) { return now - entry.second.at >= quiet; });
    }
    // With so many addresses at once the bound of all of them is what holds.
    if (by_origin_.size() >= kOriginsMax) return Take(all_, kRefusalBurst, kRefusalsASecond, now);
    it = by_origin_.emplace(origin, Bucket{.left = kOriginBurst, .at = absl::InfinitePast()}).first;
  }
  return Take(it->second, kOriginBurst, kOriginRefusalsASecond, now) &&
         Take(all_, kRefusalBurst, kRefusalsASecond, now);
}

AuditLog::AuditLog(store::IdentityStore& store)
    : store_(store), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

AuditLog::~AuditLog() {
  thread_.request_stop();
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

void AuditLog::Write(const Scope& scope, const domain::Actor& actor, std::string_view action, std::string_view detail) {
  domain::Actor shown = actor;
  if (shown.who.empty()) shown.who = "nobody";
  if (const absl::Status written = store_.Append(scope, shown, action, Shown(detail)); !written.ok()) {
    obs::Error("audit_not_written", {{"who", shown.who},
                                     {"from", shown.origin},
                                     {"action", std::string(action)},
                                     {"detail", Shown(detail)},
                                     {"error", std::string(written.message())}});
  }
}

void AuditLog::Did(const domain::Actor& actor, std::string_view action, std::string_view detail) {
  // Not in the caller's scope: what was done is written also when he has gone.
  Write(Scope::For(kWriteMax), actor, action, detail);
}

void AuditLog::Refused(const domain::Actor& actor, std::string_view what, const absl::Status& why) {
  absl::MutexLock lock(&mutex_);
  // The gate does not see addresses: whom it knows has a share of his own there too.
  if (!filter_.Pass(Cat(actor.who, "@", actor.origin), SteadyNow()) || waiting_.size() >= kRefusalsWaitingMax) {
    ++suppressed_;
    return;
  }
  waiting_.push_back({.actor = actor, .action = "refused", .detail = Cat(what, ": ", Sv(why.message()))});
}

absl::StatusOr<std::vector<domain::AuditEntry>> AuditLog::Read(const Scope& scope, int64_t after, absl::Time since,
                                                               int limit) {
  return store_.Audit(scope, after, since, limit);
}

void AuditLog::Run(const std::stop_token& stop) {
  absl::Time tell_at = SteadyNow() + kSuppressedTold;
  while (true) {
    std::deque<domain::AuditEntry> entries;
    int64_t suppressed = 0;
    {
      absl::MutexLock lock(&mutex_);
      sync::AwaitUntil(mutex_, absl::Condition(this, &AuditLog::HasWork), tell_at);
      entries.swap(waiting_);
      if (SteadyNow() >= tell_at || stopping_) {
        suppressed = std::exchange(suppressed_, 0);
        tell_at = SteadyNow() + kSuppressedTold;
      }
    }
    const bool last = stop.stop_requested();
    const Scope scope = Scope::For(last ? kLastWritesMax : kWriteMax);
    for (const domain::AuditEntry& entry : entries) {
      if (last && scope.Done()) break;
      Write(scope, entry.actor, entry.action, entry.detail);
    }
    if (suppressed > 0) Write(scope, {.who = "many"}, "refused", Cat(suppressed, " more, not written one by one"));
    if (last) return;
  }
}

}  // namespace gofarm::service
