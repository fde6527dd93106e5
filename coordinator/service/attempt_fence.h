// "Does this token stand for an attempt that runs, and does this peer run it?": asked before bytes of an attempt are
// taken. A good answer is kept for some seconds, since a log comes in many chunks. Thread-safe; CheckToken blocks.
#pragma once

#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/scope.h"
#include "common/vocab/peer.h"
#include "coordinator/domain/types.h"

namespace gofarm::service {

inline constexpr absl::Duration kTokenTrust = absl::Seconds(5);  // a token found good is not asked for again so soon
inline constexpr size_t kTokensRemembered = 20'000;              // beyond it every check asks the store

class AttemptFence {
 public:
  // By the store.
  using FactsOf = std::function<absl::StatusOr<domain::TokenFacts>(const Scope&, AttemptToken)>;
  AttemptFence(FactsOf facts_of, const Clock& clock) : facts_of_(std::move(facts_of)), clock_(clock) {}

  // FAILED_PRECONDITION: the token is stale, its worker drops the attempt. PERMISSION_DENIED: another worker than this
  // peer runs the attempt, or under another session's secret: an attempt and its secret belong together for good, so a
  // kept answer stays true. UNAVAILABLE: its Accept is not stored yet, or the store does not answer: try again.
  absl::Status CheckToken(const Scope& scope, const PeerIdentity& peer, AttemptToken token);
  // The attempt ended: its token is asked for again.
  void Forget(AttemptToken token);

 private:
  struct Good {
    absl::Time until;
    domain::TokenFacts facts;
  };
  void Remember(AttemptToken token, const domain::TokenFacts& facts);

  const FactsOf facts_of_;
  const Clock& clock_;
  absl::Mutex mutex_;
  absl::flat_hash_map<AttemptToken, Good> good_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::service
