// The database threads of the dispatch loop: store calls go in, are carried out one after the other in their order, and
// each is answered by exactly one event. Neighbours of one kind (claims, accepts, returns) go into one transaction.
// Loads of the queue, which may take seconds, have a thread of their own: they never stand before claims and renewals.
// The number of the step that asked for a load shows the dispatcher what is newer than it.
// A write that is refused because another coordinator leads is reported once.
//
// Threads: Add and Stop from any thread; `answer` is called from the lane's threads and must not wait for the lane. The
// store is called from both threads at once.
#pragma once

#include <deque>
#include <functional>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "coordinator/domain/dispatch.h"
#include "coordinator/domain/dispatch_store.h"

namespace gofarm::service {

// An expiry that waited longer behind other calls is not made: the renewals behind it waited as long.
inline constexpr absl::Duration kExpiryWaitMax = absl::Seconds(10);

class StoreLane {
 public:
  StoreLane(domain::DispatchStore& store, std::function<void(dispatch::Event)> answer,
            absl::Duration expiry_wait_max = kExpiryWaitMax)
      : store_(store), answer_(std::move(answer)), expiry_wait_max_(expiry_wait_max) {}
  ~StoreLane() { Stop(); }

  void OnLeadershipLost(std::function<void(const absl::Status&)> lost) { lost_ = std::move(lost); }  // before Start
  void Start(int64_t epoch);
  void Add(std::vector<dispatch::StoreCall> calls);
  // Finishes the call under way; what still waits is forgotten, as in a crash.
  void Stop();

 private:
  using Calls = std::deque<dispatch::StoreCall>;
  struct Lane {  // one thread and what waits for it
    bool HasWork() const { return stopping || !waiting.empty(); }
    Calls waiting;
    bool stopping = false;
    std::thread thread;
  };
  void Run(Lane StoreLane::*which);
  void CarryOut(Calls& calls);
  void Claim(std::vector<domain::ClaimRequest> claims);
  void Accept(std::vector<domain::OfferRef> offers);
  void Return(std::vector<domain::OfferRef> offers);
  void One(const dispatch::StoreCall& call);
  void Expire();
  // What the status means for the dispatcher; reports lost leadership and logs failures.
  dispatch::Answer AnswerOf(std::string_view call, const absl::Status& status);

  domain::DispatchStore& store_;
  const std::function<void(dispatch::Event)> answer_;
  const absl::Duration expiry_wait_max_;
  std::function<void(const absl::Status&)> lost_;
  int64_t epoch_ = 0;

  absl::Mutex mutex_;
  Lane calls_ ABSL_GUARDED_BY(mutex_);
  Lane loads_ ABSL_GUARDED_BY(mutex_);
  bool told_lost_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time expiry_added_ ABSL_GUARDED_BY(mutex_);  // of the one ExpireSessions that may be under way
};

}  // namespace gofarm::service
