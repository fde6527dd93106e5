// What webhooks read of batches, and what they keep of their messages. Errors as in transaction.h. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/domain/webhook.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

inline constexpr int kTakenUpAtOnce = 1'000;  // batches
// Ids are given when a batch is begun and seen when it is committed: by so many batches one may be overtaken.
inline constexpr int kBatchesOvertaking = 1'000;

class WebhookStore {
 public:
  explicit WebhookStore(Pool& pool) : pool_(pool) {}

  // From now on `destination` (64 hex digits) is told of new batches, while `epoch` leads; one that is known already
  // goes on. FAILED_PRECONDITION: another coordinator leads.
  absl::Status Register(const Scope& scope, int64_t epoch, const std::string& destination, const std::string& kind);
  // Begins messages of batches that it was not told of. How many; kTakenUpAtOnce: there may be more. Errors as above.
  absl::StatusOr<int> TakeUp(const Scope& scope, int64_t epoch, const std::string& destination);
  // Those that are not told to their end, by batch.
  absl::StatusOr<std::vector<domain::WebhookMessage>> Open(const Scope& scope, const std::string& destination);
  // By id, without what AddJobs reads; batches that are not there are left out.
  absl::StatusOr<std::vector<domain::BatchNews>> News(const Scope& scope, const std::vector<BatchId>& batches);
  // Failures, pace and end of one batch: all of its jobs are read for them.
  absl::Status AddJobs(const Scope& scope, domain::BatchNews& news);
  // False: it was told again meanwhile, by another coordinator; nothing is changed. An end that holds no longer, since
  // jobs were queued anew meanwhile, is kept as progress. Also one that leads no more may keep what it said, so that
  // its successor edits that message.
  absl::StatusOr<bool> Told(const Scope& scope, const std::string& destination, const domain::WebhookTold& told);

 private:
  Pool& pool_;
};

}  // namespace gofarm::store
