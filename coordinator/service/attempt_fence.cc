#include "coordinator/service/attempt_fence.h"

#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::service {
namespace {

absl::Status CheckPeer(const PeerIdentity& peer, AttemptToken token, const domain::TokenFacts& facts) {
  if (MayActFor(peer, facts.worker, facts.secret_sha256)) return absl::OkStatus();
  if (MayActAs(peer, facts.worker)) {
    return absl::PermissionDeniedError(Cat("attempt ", token.value, " was given to another session of worker ",
                                           facts.worker, ": this call does not carry that session's secret"));
  }
  return absl::PermissionDeniedError(Cat("attempt ", token.value, " is run by worker ", facts.worker, ", and this is ",
                                         Name(peer.role), " ", peer.name));
}

}  // namespace

absl::Status AttemptFence::CheckToken(const Scope& scope, const PeerIdentity& peer, AttemptToken token) {
  if (token.value <= 0) return absl::InvalidArgumentError(Cat(token.value, " is no token"));
  {
    absl::MutexLock lock(&mutex_);
    const auto it = good_.find(token);
    if (it != good_.end() && clock_.Now() < it->second.until) return CheckPeer(peer, token, it->second.facts);
  }
  GOFARM_ASSIGN_OR_RETURN_CTX(const domain::TokenFacts facts, facts_of_(scope, token),
                              Cat("look for attempt ", token.value));
  switch (facts.state) {
    case domain::TokenState::kRunning:
      Remember(token, facts);
      return CheckPeer(peer, token, facts);
    case domain::TokenState::kOffered:
      return absl::UnavailableError(Cat("the Accept of attempt ", token.value, " is not stored yet; try again"));
    case domain::TokenState::kStale:
      break;
  }
  return absl::FailedPreconditionError(
      Cat("token ", token.value, " is not that of a running attempt; drop this attempt"));
}

void AttemptFence::Remember(AttemptToken token, const domain::TokenFacts& facts) {
  const absl::Time now = clock_.Now();
  absl::MutexLock lock(&mutex_);
  if (good_.size() >= kTokensRemembered)
    absl::erase_if(good_, [&](const auto& good) { return good.second.until <= now; });
  if (good_.size() >= kTokensRemembered) return;
  good_[token] = {now + kTokenTrust, facts};
}

void AttemptFence::Forget(AttemptToken token) {
  absl::MutexLock lock(&mutex_);
  good_.erase(token);
}

}  // namespace gofarm::service
