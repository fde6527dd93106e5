#include "coordinator/webhook/plan.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace gofarm::webhook {

absl::Duration Spacing(Kind kind) { return kind == Kind::kDiscord ? absl::Seconds(2) : absl::Milliseconds(200); }

absl::Duration PaceOf(absl::Duration age) { return std::clamp(age / 60, kBatchEvery, kBatchPaceMax); }

std::vector<domain::WebhookMessage> ToLookAt(const std::vector<domain::WebhookMessage>& open, const TimesOf& times,
                                             absl::Time now) {
  std::vector<std::pair<absl::Time, const domain::WebhookMessage*>> due;
  for (const domain::WebhookMessage& message : open) {
    const auto it = times.find(message.batch);
    const absl::Time look_at = it == times.end() ? absl::InfinitePast() : it->second.look_at;
    if (look_at <= now) due.emplace_back(look_at, &message);
  }
  // By the order of ids alone some hundred old batches would keep a new one out for good.
  std::sort(due.begin(), due.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.first, a.second->batch) < std::tuple(b.first, b.second->batch);
  });
  if (due.size() > kLookedAtOnce) due.resize(kLookedAtOnce);
  std::vector<domain::WebhookMessage> first;
  first.reserve(due.size());
  for (const auto& [look_at, message] : due) first.push_back(*message);
  return first;
}

std::vector<Plan> WhatToSay(std::vector<domain::WebhookMessage> messages, const std::vector<domain::BatchNews>& news,
                            absl::Time now, TimesOf& times, bool failing) {
  absl::flat_hash_map<BatchId, const domain::BatchNews*> news_of;
  for (const domain::BatchNews& each : news) news_of[each.batch.id] = &each;
  std::vector<Plan> plans;
  for (domain::WebhookMessage& message : messages) {
    Times& time = times[message.batch];
    time.look_at = now + kBatchEvery;
    const auto it = news_of.find(message.batch);
    if (it == news_of.end()) continue;
    const bool ended = IsOver(it->second->batch);
    const bool first = message.sequence == 0;
    if (first || ended) {
      time.look_at = now;
    } else if (message.said == Gist(*it->second) || now - time.told_at < PaceOf(it->second->age)) {
      continue;
    }
    const Event event = ended ? Event::kEnded : first ? Event::kSubmitted : Event::kProgress;
    plans.push_back({.message = std::move(message), .news = *it->second, .event = event});
  }
  std::stable_sort(plans.begin(), plans.end(), [&times, failing](const Plan& a, const Plan& b) {
    const auto rank = [&times, failing](const Plan& plan) {
      const bool progress = plan.event == Event::kProgress;
      const Times& time = times[plan.message.batch];
      return std::tuple(failing ? time.tries : 0, progress, time.unanswered,
                        progress ? time.told_at : absl::InfinitePast(), plan.message.batch);
    };
    return rank(a) < rank(b);
  });
  return plans;
}

}  // namespace gofarm::webhook
