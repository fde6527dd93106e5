// What webhooks tell of batches, and what they told already. Plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/vocab/failure.h"
#include "coordinator/domain/types.h"

namespace gofarm::domain {

// Jobs that ended within this time say how fast a batch goes now.
inline constexpr absl::Duration kLately = absl::Minutes(10);

// How a batch stands, for those who follow it from outside.
struct BatchNews {
  Batch batch;
  absl::Duration age = absl::ZeroDuration();  // since it was submitted
  // Of its jobs: filled in when it is told of.
  std::map<FailureClass, int64_t> failures;    // of failed and partial ones
  int64_t ended_lately = 0;                    // that ended within kLately, and since it was submitted
  absl::Time ended_at = absl::InfinitePast();  // when the last one that ended did, or the batch was cancelled
};

// Of one batch at one destination.
struct WebhookMessage {
  BatchId batch;
  std::string message_id;  // by which it can be edited; empty: none is there
  int sequence = 0;        // how often the destination was told of the batch
  std::string said;        // how the batch stood then
};

// What one more telling changes.
struct WebhookTold {
  BatchId batch;
  int sequence = 0;  // before it
  std::string message_id;
  std::string said;
  bool ended = false;  // nothing will follow
};

}  // namespace gofarm::domain
