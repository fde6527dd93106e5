// What the customers and workers of a run were told, and how often what was done. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tests/chaos/checker.h"

namespace gofarm::chaos {

class Ledger {
 public:
  // Of workers.
  void Offered(const ToldOffer& offer);
  void Completed(const ToldCompletion& completion);
  void Alive(const SignOfLife& sign);
  // `text`: all of the log from its beginning that was acknowledged.
  void Logged(int64_t token, const std::string& text);
  void FailedFor(int64_t job);  // the attempt is to end in a way that lets the job be tried again
  int FailuresOf(int64_t job) const;
  // A late offer to somebody else than `worker`.
  std::optional<ToldOffer> OfferToAnother(const std::string& worker) const;

  // Of customers. What was asked for is written down before it is asked.
  void Ordered(const std::string& request_id, const std::set<Wanted>& wanted);
  void Answered(const std::string& request_id, int64_t batch);
  void AlteredTaken(const std::string& request_id);
  void CancelAsked(const std::string& request_id);
  void CancelAnswered(const std::string& request_id);
  void JobCancelAsked(int64_t job);
  void Shown(const ToldJob& job);

  void Count(const std::string& what);
  std::map<std::string, int64_t> counts() const;
  Told told() const;

 private:
  mutable absl::Mutex mutex_;
  Told told_ ABSL_GUARDED_BY(mutex_);
  std::deque<ToldOffer> late_offers_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, int> failures_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::chaos
