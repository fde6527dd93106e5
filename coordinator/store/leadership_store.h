// leadership::LeadershipStore over PostgreSQL: one row, its lease judged by the database's clock. Thread-safe.
#pragma once

#include "coordinator/domain/leadership.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

class PgLeadershipStore final : public leadership::LeadershipStore {
 public:
  explicit PgLeadershipStore(Pool& pool) : pool_(pool) {}

  absl::StatusOr<leadership::TakeAnswer> Take(const Scope& scope, const leadership::Claim& claim,
                                              absl::Duration lease) override;
  absl::Status Renew(const Scope& scope, int64_t epoch, absl::Duration lease) override;
  absl::Status Release(const Scope& scope, int64_t epoch) override;

 private:
  Pool& pool_;
};

}  // namespace gofarm::store
