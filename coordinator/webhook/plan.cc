#include "coordinator/webhook/plan.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace gofarm::webhook {

absl::Duration Spacing(Kind kind) { return kind == Kind::kDiscord ? absl::Seconds(2) : absl::Milliseconds(200); }

absl::Duration PaceOf(absl::Duration age) { return std::clamp(age / 60, kBatchEvery, kBatchPaceMax); }

std::vector<domain::WebhookMessage> ToLookAt(const std::vector<domain::WebhookMessage>& open, const TimesOf& times,
                                             absl::Time now) {
  std::vector<domain::WebhookMessage> due;
  for (const domain::WebhookMessage& message : open) {
    if (due.size() == kLookedAtOnce) break;
    const auto it = times.find(message.batch);
    if (it == times.end() || it->second.look_at <= now) due.push_back(message);
  }
  return due;
}

std::vector<Plan> WhatToSay(std::vector<domain::WebhookMessage> messages, const std::vector<domain::BatchNews>& news,
                            absl::Time now, TimesOf& times) {
  absl::flat_hash_map<BatchId, const domain::BatchNews*> news_of;
  for (const domain::BatchNews& each : news) news_of[each.batch.id] = &each;
  std::vector<Plan> plans;
  for (domain::WebhookMessage& message : messages) {
    const auto it = news_of.find(message.batch);
    if (it == news_of.end()) continue;
    Times& time = times[message.batch];
    const bool ended = it->second->batch.state != BatchState::kRunning;
    const bool first = message.sequence == 0;
    if (!first && !ended) {
      time.look_at = now + kBatchEvery;
      if (message.said == Gist(*it->second) || now - time.told_at < PaceOf(it->second->age)) continue;
    }
    const Event event = ended ? Event::kEnded : first ? Event::kSubmitted : Event::kProgress;
    plans.push_back({.message = std::move(message), .news = *it->second, .event = event});
  }
  std::stable_sort(plans.begin(), plans.end(), [&times](const Plan& a, const Plan& b) {
    const auto rank = [&times](const Plan& plan) {
      const bool progress = plan.event == Event::kProgress;
      return std::tuple(progress, progress ? times[plan.message.batch].told_at : absl::InfinitePast(),
                        plan.message.batch.value);
    };
    return rank(a) < rank(b);
  });
  return plans;
}

}  // namespace gofarm::webhook
