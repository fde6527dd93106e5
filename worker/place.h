// A worker's place in a farm beyond this machine: how it comes in, and that it stays in.
//
// FindPlace is called once, before the worker dials; PlaceKeeper has a thread of its own. Both talk to the Identity
// service through common/rpc/membership.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/backoff.h"
#include "common/base/scope.h"
#include "common/pki/join_string.h"
#include "common/rpc/membership.h"

namespace gofarm::worker {

struct PlaceOptions {
  std::string folder;                   // of the identity
  std::optional<pki::JoinString> join;  // is used where the identity is of no use
  rpc::JoinNames names;
  std::vector<std::string> addresses;  // in place of those that the identity was made with; none: those
};

// The identity that stands in the folder, renewed if it ran out, or else a new one by the join string. While nobody
// answers it asks again until the scope ends (CANCELLED). FAILED_PRECONDITION: there is neither; UNAUTHENTICATED and
// what JoinFarm says: the farm does not let it in.
absl::StatusOr<rpc::Membership> FindPlace(const Scope& scope, const PlaceOptions& options);

// What is to be done about a place at the moment `now` of the wall clock. Pure.
enum class PlaceStep { kUse, kRenew, kJoin, kNone };
PlaceStep NextStep(const std::optional<rpc::Membership>& member, const std::optional<pki::JoinString>& join,
                   absl::Time now);

// How long after a failure the next try comes, `failures` in a row.
inline constexpr BackoffPolicy kPlaceBackoff = {absl::Seconds(1), absl::Minutes(1), 2.0};

// Renews at two thirds of the certificate's life, and at once when somebody doubts it.
class PlaceKeeper {
 public:
  struct Listener {
    std::function<void(const rpc::Membership&)> renewed;
    // The farm no longer knows this worker, nor does the join string help: nothing follows.
    std::function<void(const absl::Status&)> lost;
  };

  PlaceKeeper(PlaceOptions options, rpc::Membership member, Listener listener);
  ~PlaceKeeper();

  // The coordinator refused this identity. From any thread; does not wait.
  void Doubt();

 private:
  void Run(const std::stop_token& stop);
  // Waits until it is time; false: it is over.
  bool AwaitTurn(const std::stop_token& stop);

  const PlaceOptions options_;
  const Listener listener_;
  rpc::Membership member_;
  absl::Mutex mutex_;
  bool doubted_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace gofarm::worker
