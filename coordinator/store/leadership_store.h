// leadership::LeadershipStore over PostgreSQL: one row. Its lease is judged by the database's clock until this has seen
// that somebody renews it; from then on it is over when it was not renewed for its whole length by a clock that nobody
// sets. Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "coordinator/domain/leadership.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

class PgLeadershipStore final : public leadership::LeadershipStore {
 public:
  explicit PgLeadershipStore(Pool& pool, const Clock& clock = RealClock()) : pool_(pool), clock_(clock) {}

  absl::StatusOr<leadership::TakeAnswer> Take(const Scope& scope, const leadership::Claim& claim,
                                              absl::Duration lease) override;
  absl::Status Renew(const Scope& scope, int64_t epoch, absl::Duration lease) override;
  absl::Status Release(const Scope& scope, int64_t epoch) override;

 private:
  // The lease of another holder, as it stood when it was looked at last.
  struct Seen {
    int64_t epoch = -1;
    std::string lease;
    absl::Time since;      // of clock_
    bool renewed = false;  // while this one looked
  };

  Pool& pool_;
  const Clock& clock_;
  absl::Mutex mutex_;
  Seen seen_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::store
