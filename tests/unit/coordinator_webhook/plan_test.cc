#include "coordinator/webhook/plan.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/unit/coordinator_webhook/news.h"

namespace gofarm::webhook {
namespace {

using domain::BatchNews;
using domain::WebhookMessage;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

WebhookMessage Known(int64_t batch, const std::string& said = "") {
  return {.batch = BatchId{batch}, .message_id = "9", .sequence = 1, .said = said};
}
BatchNews Runs(int64_t batch) { return NewsOf(batch, BatchState::kRunning, {.queued = 1, .built = 1}); }
BatchNews Ended(int64_t batch) { return NewsOf(batch, BatchState::kDone, {.built = 2}); }

std::vector<std::pair<int64_t, Event>> Said(const std::vector<Plan>& plans) {
  std::vector<std::pair<int64_t, Event>> said;
  for (const Plan& plan : plans) said.emplace_back(plan.message.batch.value, plan.event);
  return said;
}

TEST(WhatToSayTest, BeginningsAndEndsComeBeforeProgress) {
  TimesOf times;
  times[BatchId{1}].told_at = kNow - absl::Minutes(2);
  times[BatchId{2}].told_at = kNow - absl::Minutes(3);
  const std::vector<Plan> plans =
      WhatToSay({Known(1), Known(2), {.batch = BatchId{3}}, Known(4), {.batch = BatchId{5}}},
                {Runs(1), Runs(2), Runs(3), Ended(4), Ended(5)}, kNow, times);
  EXPECT_THAT(Said(plans), ElementsAre(std::pair(int64_t{3}, Event::kSubmitted), std::pair(int64_t{4}, Event::kEnded),
                                       std::pair(int64_t{5}, Event::kEnded), std::pair(int64_t{2}, Event::kProgress),
                                       std::pair(int64_t{1}, Event::kProgress)));
}

TEST(WhatToSayTest, NothingIsSaidTwiceAndNothingSooner) {
  TimesOf times;
  EXPECT_THAT(WhatToSay({Known(1, Gist(Runs(1)))}, {Runs(1)}, kNow, times), IsEmpty()) << "as it was said";
  EXPECT_EQ(times[BatchId{1}].look_at, kNow + kBatchEvery);
  times[BatchId{1}].told_at = kNow - kBatchEvery + absl::Milliseconds(1);
  EXPECT_THAT(WhatToSay({Known(1)}, {Runs(1)}, kNow, times), IsEmpty()) << "too soon";
  times[BatchId{1}].told_at = kNow - kBatchEvery;
  EXPECT_EQ(WhatToSay({Known(1)}, {Runs(1)}, kNow, times).size(), 1u);
  times[BatchId{1}].told_at = kNow - absl::Milliseconds(1);
  EXPECT_EQ(WhatToSay({Known(1, Gist(Runs(1)))}, {Ended(1)}, kNow, times).size(), 1u) << "an end waits for nothing";
  EXPECT_THAT(WhatToSay({Known(1)}, {}, kNow, times), IsEmpty()) << "of what nothing is known";
}

TEST(WhatToSayTest, ACancelledBatchEndsWithItsLastJob) {
  TimesOf times;
  const BatchNews runs = NewsOf(1, BatchState::kCancelled, {.running = 1, .cancelled = 3});
  EXPECT_THAT(Said(WhatToSay({Known(1)}, {runs}, kNow, times)), ElementsAre(std::pair(int64_t{1}, Event::kProgress)));
  const BatchNews over = NewsOf(1, BatchState::kCancelled, {.built = 1, .cancelled = 3});
  EXPECT_THAT(Said(WhatToSay({Known(1)}, {over}, kNow, times)), ElementsAre(std::pair(int64_t{1}, Event::kEnded)));
}

TEST(WhatToSayTest, WhatGotNoAnswerStandsBehindItsLike) {
  TimesOf times;
  times[BatchId{1}].unanswered = 1;
  EXPECT_THAT(Said(WhatToSay({Known(1), Known(2), Known(3)}, {Ended(1), Ended(2), Runs(3)}, kNow, times)),
              ElementsAre(std::pair(int64_t{2}, Event::kEnded), std::pair(int64_t{1}, Event::kEnded),
                          std::pair(int64_t{3}, Event::kProgress)));
}

TEST(WhatToSayTest, WhileRequestsFailThoseThatWereTriedLeastComeFirst) {
  TimesOf times;
  times[BatchId{1}].tries = 2;
  times[BatchId{2}].tries = 1;
  const auto said = [&times](bool failing) {
    return Said(WhatToSay({Known(1), Known(2), Known(3), Known(4)}, {Ended(1), Ended(2), Ended(3), Runs(4)}, kNow,
                          times, failing));
  };
  EXPECT_THAT(said(true), ElementsAre(std::pair(int64_t{3}, Event::kEnded), std::pair(int64_t{4}, Event::kProgress),
                                      std::pair(int64_t{2}, Event::kEnded), std::pair(int64_t{1}, Event::kEnded)));
  EXPECT_THAT(said(false), ElementsAre(std::pair(int64_t{1}, Event::kEnded), std::pair(int64_t{2}, Event::kEnded),
                                       std::pair(int64_t{3}, Event::kEnded), std::pair(int64_t{4}, Event::kProgress)))
      << "an end waits for no progress of others";
}

TEST(WhatToSayTest, LongBatchesAreToldOfLessOften) {
  EXPECT_EQ(PaceOf(absl::ZeroDuration()), kBatchEvery);
  EXPECT_EQ(PaceOf(absl::Minutes(10)), absl::Seconds(10));
  EXPECT_EQ(PaceOf(absl::Hours(100)), kBatchPaceMax);
}

TEST(ToLookAtTest, ThoseThatAreDueAreLookedAtAndNotAllAtOnce) {
  std::vector<WebhookMessage> open;
  for (int i = 1; i <= 1'000; ++i) open.push_back({.batch = BatchId{i}});
  TimesOf times;
  times[BatchId{1}].look_at = kNow + absl::Seconds(1);
  const std::vector<WebhookMessage> due = ToLookAt(open, times, kNow);
  ASSERT_EQ(due.size(), kLookedAtOnce);
  EXPECT_EQ(due[0].batch, BatchId{2});
}

TEST(ToLookAtTest, AThousandOlderBatchesKeepNoNewOneOut) {
  constexpr int kOld = 1'000;
  for (const bool begun : {false, true}) {
    std::vector<WebhookMessage> open;
    std::vector<BatchNews> news;
    for (int i = 1; i <= kOld; ++i) {
      open.push_back(begun ? Known(i, Gist(Runs(i))) : WebhookMessage{.batch = BatchId{i}});
      news.push_back(Runs(i));
    }
    TimesOf times;
    absl::Time now = kNow;
    const auto look = [&] {
      const std::vector<WebhookMessage> due = ToLookAt(open, times, now);
      std::set<BatchId> seen;
      for (const WebhookMessage& message : due) seen.insert(message.batch);
      WhatToSay(due, news, now, times);
      now += kLookEvery;
      return seen;
    };
    std::set<BatchId> seen;
    for (size_t i = 0; i <= kOld / kLookedAtOnce; ++i) seen.merge(look());
    EXPECT_EQ(seen.size(), size_t{kOld}) << begun;
    open.push_back({.batch = BatchId{kOld + 1}});
    news.push_back(Runs(kOld + 1));
    EXPECT_EQ(look().count(BatchId{kOld + 1}), 1u) << begun;
  }
}

}  // namespace
}  // namespace gofarm::webhook
