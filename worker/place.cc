#include "worker/place.h"

#include <algorithm>
#include <random>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/pki/certificate.h"
#include "common/rpc/grpc_status.h"
#include "common/sync/wait.h"

namespace gofarm::worker {
namespace {

constexpr absl::Duration kTryMax = absl::Minutes(1);
// The wall clock may be set while nobody looks.
constexpr absl::Duration kLook = absl::Seconds(30);
// A coordinator that renews, and refuses each session all the same, is asked no more often than this.
constexpr absl::Duration kDoubtMin = absl::Seconds(10);

// A refusal is final; everything else is tried again.
bool MayHeal(const absl::Status& status) {
  return rpc::AnswerMayBeLost(status) || absl::IsResourceExhausted(status) || absl::IsAborted(status);
}

double Chance() {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(random);
}

rpc::Membership At(rpc::Membership member, const std::vector<std::string>& addresses) {
  if (!addresses.empty()) member.addresses = addresses;
  return member;
}

absl::StatusOr<rpc::Membership> Renew(const Scope& scope, const PlaceOptions& options, const rpc::Membership& member) {
  GOFARM_ASSIGN_OR_RETURN(rpc::Membership renewed,
                          rpc::RenewMembership(scope.Within(kTryMax), At(member, options.addresses)));
  renewed.addresses = member.addresses;
  GOFARM_RETURN_IF_ERROR(rpc::WriteMembership(options.folder, renewed));
  obs::Info("certificate_renewed", {{"name", renewed.name}, {"until", absl::FormatTime(renewed.expires_at)}});
  return renewed;
}

absl::StatusOr<rpc::Membership> Join(const Scope& scope, const PlaceOptions& options) {
  pki::JoinString join = *options.join;
  if (!options.addresses.empty()) join.addresses = options.addresses;
  GOFARM_ASSIGN_OR_RETURN(rpc::Membership member,
                          rpc::JoinInto(scope.Within(kTryMax), options.folder, join, options.names));
  if (member.role != Role::kWorker) {
    return absl::PermissionDeniedError(Cat("this join string lets in a person (", Name(member.role),
                                           "), and is used now; make one with gofarm token create --role worker"));
  }
  obs::Info("joined",
            {{"farm", member.farm_id}, {"name", member.name}, {"until", absl::FormatTime(member.expires_at)}});
  return member;
}

// As Join, or why not.
absl::StatusOr<rpc::Membership> JoinInstead(const Scope& scope, const PlaceOptions& options,
                                            const absl::Status& refused) {
  if (!options.join) {
    return Annotate(refused,
                    Cat("the farm does not take the identity in ", options.folder,
                        "; it takes a new join string (gofarm token create --role worker): gofarm-worker --join JOIN"));
  }
  obs::Warn("identity_refused", {{"why", std::string(refused.message())}, {"next", "the join string"}});
  return Join(scope, options);
}

absl::StatusOr<rpc::Membership> TryOnce(const Scope& scope, const PlaceOptions& options,
                                        const std::optional<rpc::Membership>& member) {
  switch (NextStep(member, options.join, WallNow())) {
    case PlaceStep::kUse:
      return *member;
    case PlaceStep::kRenew: {
      absl::StatusOr<rpc::Membership> renewed = Renew(scope, options, *member);
      if (renewed.ok() || MayHeal(renewed.status())) return renewed;
      return JoinInstead(scope, options, renewed.status());
    }
    case PlaceStep::kJoin:
      return Join(scope, options);
    case PlaceStep::kNone:
      break;
  }
  return absl::FailedPreconditionError(Cat("no identity stands in ", options.folder,
                                           " and no join string was given; on the coordinator's machine: ",
                                           "gofarm token create --role worker, here: gofarm-worker --join JOIN"));
}

}  // namespace

PlaceStep NextStep(const std::optional<rpc::Membership>& member, const std::optional<pki::JoinString>& join,
                   absl::Time now) {
  if (!member) return join ? PlaceStep::kJoin : PlaceStep::kNone;
  // A join string of another farm says that this worker is to move there. After the farm's authority was rotated, the
  // string that it once joined by is still this farm's.
  if (join && join->authority_sha256 != member->joined_by &&
      !pki::CertificateWith(join->authority_sha256, member->authorities).ok()) {
    return PlaceStep::kJoin;
  }
  if (now < member->expires_at && now + pki::kSkewMax >= member->begins_at) return PlaceStep::kUse;
  return PlaceStep::kRenew;
}

absl::StatusOr<rpc::Membership> FindPlace(const Scope& scope, const PlaceOptions& options) {
  absl::StatusOr<rpc::Membership> stored = rpc::ReadMembership(options.folder);
  if (!stored.ok() && !absl::IsNotFound(stored.status())) return stored.status();
  std::optional<rpc::Membership> member;
  if (stored.ok()) member = *std::move(stored);
  for (int failures = 1;; ++failures) {
    absl::StatusOr<rpc::Membership> found = TryOnce(scope, options, member);
    if (found.ok() || !MayHeal(found.status())) return found;
    if (scope.Done()) return absl::CancelledError("stopped before the farm answered");
    obs::Warn("farm_does_not_answer", {{"error", found.status().ToString()}, {"failures", Cat(failures)}});
    if (!sync::SleepFor(scope, BackoffDelay(kPlaceBackoff, failures, Chance()))) {
      return absl::CancelledError("stopped before the farm answered");
    }
  }
}

PlaceKeeper::PlaceKeeper(PlaceOptions options, rpc::Membership member, Listener listener)
    : options_(std::move(options)),
      listener_(std::move(listener)),
      member_(std::move(member)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

PlaceKeeper::~PlaceKeeper() {
  thread_.request_stop();
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

void PlaceKeeper::Doubt() {
  absl::MutexLock lock(&mutex_);
  doubted_ = true;
}

bool PlaceKeeper::AwaitTurn(const std::stop_token& stop) {
  const auto woken = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return doubted_ || stopping_; };
  while (!stop.stop_requested() && WallNow() < member_.RenewAt()) {
    absl::MutexLock lock(&mutex_);
    sync::AwaitFor(mutex_, absl::Condition(&woken), std::min(kLook, member_.RenewAt() - WallNow()));
    if (doubted_) {
      doubted_ = false;
      break;
    }
  }
  return !stop.stop_requested();
}

void PlaceKeeper::Run(const std::stop_token& stop) {
  const Scope scope{absl::InfiniteFuture(), stop};
  int failures = 0;
  while (AwaitTurn(stop)) {
    absl::StatusOr<rpc::Membership> renewed = Renew(scope, options_, member_);
    if (!renewed.ok() && !MayHeal(renewed.status())) renewed = JoinInstead(scope, options_, renewed.status());
    if (stop.stop_requested()) return;
    if (renewed.ok()) {
      failures = 0;
      member_ = *renewed;
      listener_.renewed(At(member_, options_.addresses));
      sync::SleepFor(stop, kDoubtMin);
      continue;
    }
    if (!MayHeal(renewed.status())) {
      listener_.lost(renewed.status());
      return;
    }
    ++failures;
    obs::Warn("certificate_not_renewed", {{"error", renewed.status().ToString()},
                                          {"failures", Cat(failures)},
                                          {"until", absl::FormatTime(member_.expires_at)}});
    sync::SleepFor(stop, BackoffDelay(kPlaceBackoff, failures, Chance()));
  }
}

}  // namespace gofarm::worker
