// What a webhook is told next: which batches are looked at, and which of them there is something to say of. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "common/base/backoff.h"
#include "coordinator/domain/webhook.h"
#include "coordinator/webhook/config.h"
#include "coordinator/webhook/message.h"

namespace gofarm::webhook {

inline constexpr absl::Duration kLookEvery = absl::Seconds(1);   // for new batches
inline constexpr absl::Duration kBatchEvery = absl::Seconds(5);  // two looks at one batch, so two edits at most
inline constexpr absl::Duration kBatchPaceMax = absl::Minutes(1);
inline constexpr size_t kLookedAtOnce = 100;  // batches
inline constexpr int kTriesMax = 20;          // of one message whose answer is that it may pass; then the next one
// Between two tries while a destination does not answer.
inline constexpr BackoffPolicy kRetryPace{.first = absl::Seconds(2), .longest = absl::Minutes(5)};

// Between two requests. Discord takes thirty a minute of one webhook.
absl::Duration Spacing(Kind kind);

// Between two edits of a batch that runs for `age`: one that takes hours is told of each minute.
absl::Duration PaceOf(absl::Duration age);

struct Plan {
  domain::WebhookMessage message;
  domain::BatchNews news;
  Event event = Event::kSubmitted;
};

// When a batch may be looked at again, and when it was told of last; of those that are not here: now, never.
struct Times {
  absl::Time look_at = absl::InfinitePast();
  absl::Time told_at = absl::InfinitePast();
  int tries = 0;       // that count for kTriesMax, in a row
  int unanswered = 0;  // and those that do not: nobody was there to answer
};
using TimesOf = absl::flat_hash_map<BatchId, Times>;

// Of those that are due the ones that are so for longest, at most kLookedAtOnce.
std::vector<domain::WebhookMessage> ToLookAt(const std::vector<domain::WebhookMessage>& open, const TimesOf& times,
                                             absl::Time now);

// What is to be said, in the order of its urgency: beginnings and ends by batch, then progress, whoever waits longest
// first; what got no answer stands behind its like. `failing`, the last request failed: those that were tried least
// come first, progress too, so that a message that is to blame holds up nobody. Not at other times: where progress
// never ends, an end that failed once would wait for ever. All may be looked at again after kBatchEvery, beginnings and
// ends at once, but after those that were due before (`times` is changed).
std::vector<Plan> WhatToSay(std::vector<domain::WebhookMessage> messages, const std::vector<domain::BatchNews>& news,
                            absl::Time now, TimesOf& times, bool failing = false);

}  // namespace gofarm::webhook
