// What replies mean, as values.
#include "coordinator/catalog/service_rules.h"

#include <gtest/gtest.h>

namespace gofarm::catalog {
namespace {

using Kind = Verdict::Kind;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

Verdict Judge(const Reply& reply, int tries = 1, const RetryPolicy& policy = {}, int limits_in_a_row = 1) {
  return JudgeReply(reply, policy, tries, limits_in_a_row, kNow, 0.999999);
}

TEST(JudgeReplyTest, GoneAndRefusedQuestionsAreAnswers) {
  for (const int status : {200, 206, 304, 400, 403, 404, 410, 416, 422, 451, 501}) {
    const Verdict verdict = Judge({.status = status});
    EXPECT_EQ(verdict.kind, Kind::kAnswer) << status;
    EXPECT_EQ(verdict.error, std::nullopt) << status;
  }
}

TEST(JudgeReplyTest, WhatMayComeRightIsAskedAgainThreeTimesWithGrowingWaits) {
  const std::vector<std::pair<Reply, ErrorClass>> cases = {
      {{.status = 500}, ErrorClass::kHttp5xx},
      {{.status = 503}, ErrorClass::kHttp5xx},
      {{.status = 408}, ErrorClass::kTimeout},
      {{.code = absl::StatusCode::kUnavailable}, ErrorClass::kUnreachable},
      {{.code = absl::StatusCode::kDeadlineExceeded}, ErrorClass::kTimeout},
      {{.status = 200, .body_error = ErrorClass::kBadAnswer}, ErrorClass::kBadAnswer}};
  for (const auto& [reply, error] : cases) {
    absl::Duration before = absl::ZeroDuration();
    for (int tries = 1; tries <= 3; ++tries) {
      const Verdict verdict = Judge(reply, tries);
      EXPECT_EQ(verdict.kind, Kind::kRetry);
      EXPECT_EQ(verdict.error, error);
      EXPECT_GT(verdict.wait, before);
      EXPECT_EQ(verdict.hold_until, std::nullopt) << "others may ask";
      before = verdict.wait;
    }
    EXPECT_EQ(Judge(reply, 4).kind, Kind::kGiveUp);
    EXPECT_EQ(Judge(reply, 4).pause_until, std::nullopt);
  }
}

TEST(JudgeReplyTest, JitterSpreadsTheWaits) {
  EXPECT_EQ(JudgeReply({.status = 500}, {}, 1, 1, kNow, 0).wait, absl::Milliseconds(500));
  EXPECT_NEAR(absl::ToDoubleSeconds(Judge({.status = 500}).wait), 1.0, 0.001);
}

TEST(JudgeReplyTest, WhatCannotComeRightIsNotAskedAgain) {
  EXPECT_EQ(Judge({.status = 401}).error, ErrorClass::kRefused);
  EXPECT_EQ(Judge({.status = 401}).kind, Kind::kGiveUp);
  EXPECT_EQ(Judge({.code = absl::StatusCode::kPermissionDenied}).kind, Kind::kGiveUp);
  EXPECT_EQ(Judge({.code = absl::StatusCode::kResourceExhausted}).error, ErrorClass::kTooLarge);
  EXPECT_EQ(Judge({.code = absl::StatusCode::kResourceExhausted}).kind, Kind::kGiveUp);
  EXPECT_EQ(Judge({.status = 200, .body_error = ErrorClass::kBadAnswer, .body_may_change = false}).kind, Kind::kGiveUp);
}

TEST(JudgeReplyTest, AShortRetryAfterIsWaitedForByAllAndALongOnePausesTheService) {
  for (const int status : {429, 403}) {
    const Verdict brief = Judge({.status = status, .retry_after = absl::Seconds(3)});
    EXPECT_EQ(brief.error, ErrorClass::kRateLimited);
    EXPECT_EQ(brief.kind, Kind::kRetry);
    EXPECT_EQ(brief.wait, absl::Seconds(3));
    EXPECT_EQ(brief.hold_until, kNow + absl::Seconds(3));
    const Verdict lasting = Judge({.status = status, .retry_after = absl::Seconds(300)});
    EXPECT_EQ(lasting.kind, Kind::kGiveUp);
    EXPECT_EQ(lasting.pause_until, kNow + absl::Seconds(300));
  }
}

TEST(JudgeReplyTest, AFarResetPausesAndAPastOneDoesNot) {
  const Reply used_up{.status = 403, .limit_resets_at = kNow + absl::Minutes(40), .limit_used_up = true};
  EXPECT_EQ(Judge(used_up).kind, Kind::kGiveUp);
  EXPECT_EQ(Judge(used_up).pause_until, kNow + absl::Minutes(40));
  const Reply near{.status = 403, .limit_resets_at = kNow + absl::Seconds(4), .limit_used_up = true};
  EXPECT_EQ(Judge(near).kind, Kind::kRetry);
  EXPECT_EQ(Judge(near).wait, absl::Seconds(4));
  EXPECT_EQ(Judge(near).pause_until, std::nullopt);
  const Reply absurd{.status = 429, .limit_resets_at = kNow + absl::Hours(24 * 400)};
  EXPECT_EQ(Judge(absurd).pause_until, kNow + kPauseMax);
  const Reply past{.status = 429, .limit_resets_at = kNow - absl::Minutes(1)};
  EXPECT_NEAR(absl::ToDoubleSeconds(*Judge(past).pause_until - kNow), 60, 0.1);
}

TEST(JudgeReplyTest, TheLastAllowedRequestIsAnAnswerAndPausesTheService) {
  const Verdict verdict = Judge({.status = 200, .limit_resets_at = kNow + absl::Minutes(40), .limit_used_up = true});
  EXPECT_EQ(verdict.kind, Kind::kAnswer);
  EXPECT_EQ(verdict.pause_until, kNow + absl::Minutes(40));
}

TEST(JudgeReplyTest, ALimitWithoutAnEndDoublesFromAMinute) {
  const Reply limited{.status = 403, .says_rate_limit = true};
  EXPECT_NEAR(absl::ToDoubleSeconds(*Judge(limited, 1, {}, 1).pause_until - kNow), 60, 0.1);
  EXPECT_NEAR(absl::ToDoubleSeconds(*Judge(limited, 1, {}, 2).pause_until - kNow), 120, 0.1);
  EXPECT_NEAR(absl::ToDoubleSeconds(*Judge(limited, 1, {}, 9).pause_until - kNow), 960, 0.1);
}

TEST(JudgeReplyTest, ALimitThatOutlastsTheTriesPausesThough) {
  EXPECT_EQ(Judge({.status = 429, .retry_after = absl::Seconds(3)}, 4).pause_until, kNow + absl::Seconds(3));
}

TEST(JudgeReplyTest, RetryAfterOfA503IsAboutThisQuestionAlone) {
  const Verdict brief = Judge({.status = 503, .retry_after = absl::Seconds(2)});
  EXPECT_EQ(brief.wait, absl::Seconds(2));
  EXPECT_EQ(brief.hold_until, std::nullopt);
  const Verdict lasting = Judge({.status = 503, .retry_after = absl::Hours(1)});
  EXPECT_EQ(lasting.kind, Kind::kGiveUp);
  EXPECT_EQ(lasting.pause_until, std::nullopt);
}

TEST(JudgeReplyTest, GatewayErrorsAreTheCallersWhenItWantsThem) {
  const RetryPolicy policy{.gateway_errors_are_answers = true};
  for (const int status : {502, 504}) {
    EXPECT_EQ(Judge({.status = status}, 1, policy).kind, Kind::kAnswer);
    EXPECT_EQ(Judge({.status = status}, 1, policy).error, ErrorClass::kHttp5xx) << "it is counted all the same";
    EXPECT_EQ(Judge({.status = status}, 1).kind, Kind::kRetry);
  }
  EXPECT_EQ(Judge({.status = 503}, 1, policy).kind, Kind::kRetry);
}

TEST(ReplyOfTest, ReadsTheFieldsOfLimits) {
  const Reply reply = ReplyOf(
      403, {{"X-RateLimit-Remaining", "0"}, {"X-RateLimit-Reset", "1800000060"}, {"X-RateLimit-Resource", "core"}},
      absl::Seconds(7), "");
  EXPECT_TRUE(reply.limit_used_up);
  EXPECT_EQ(reply.limit_resets_at, kNow + absl::Minutes(1));
  EXPECT_EQ(reply.retry_after, absl::Seconds(7));
  EXPECT_FALSE(ReplyOf(200, {{"x-ratelimit-remaining", "1"}}, std::nullopt, "").limit_used_up);
  EXPECT_FALSE(ReplyOf(200, {}, std::nullopt, "").limit_used_up);
  EXPECT_FALSE(ReplyOf(200, {{"x-ratelimit-remaining", "none"}}, std::nullopt, "").limit_used_up);
  EXPECT_EQ(ReplyOf(200, {{"x-ratelimit-reset", "-5"}}, std::nullopt, "").limit_resets_at, std::nullopt);
}

TEST(ReplyOfTest, TheSearchsOwnLimitStopsNothingElse) {
  const io::HttpHeaders search = {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-resource", "search"}};
  EXPECT_FALSE(ReplyOf(200, search, std::nullopt, "").limit_used_up);
  EXPECT_TRUE(ReplyOf(403, search, std::nullopt, "").limit_used_up);
}

TEST(ReplyOfTest, A403IsALimitOnlyByItsWords) {
  EXPECT_TRUE(
      ReplyOf(403, {}, std::nullopt, "{\"message\":\"You have exceeded a secondary Rate Limit\"}").says_rate_limit);
  EXPECT_FALSE(ReplyOf(403, {}, std::nullopt, "blocked for security").says_rate_limit);
  EXPECT_FALSE(ReplyOf(404, {}, std::nullopt, "rate limit").says_rate_limit);
}

TEST(PauseRuleTest, TenFailuresInARowPauseAndOneSuccessBetweenDoesNot) {
  PauseRule rule;
  for (int i = 0; i < 9; ++i) rule.OnFailure(kNow, 0, "503");
  EXPECT_FALSE(rule.IsPaused(kNow));
  rule.OnSuccess();
  for (int i = 0; i < 9; ++i) rule.OnFailure(kNow, 0, "503");
  EXPECT_FALSE(rule.IsPaused(kNow));
  rule.OnFailure(kNow, 0, "answers 503");
  EXPECT_TRUE(rule.IsPaused(kNow));
  EXPECT_EQ(rule.until(), kNow + absl::Seconds(15)) << "half of the first step, with no luck";
  EXPECT_EQ(rule.reason(), "10 failures in a row, the last: answers 503");
}

TEST(PauseRuleTest, AfterThePauseOneFailurePausesLongerAndOneSuccessHeals) {
  PauseRule rule;
  for (int i = 0; i < 10; ++i) rule.OnFailure(kNow, 0, "503");
  rule.OnFailure(kNow, 0, "one that was under way");
  EXPECT_EQ(rule.until(), kNow + absl::Seconds(15));
  const absl::Time later = kNow + absl::Seconds(15);
  EXPECT_FALSE(rule.IsPaused(later));
  rule.OnFailure(later, 0, "503");
  EXPECT_EQ(rule.until(), later + absl::Seconds(30));
  rule.OnSuccess();
  EXPECT_FALSE(rule.IsPaused(later));
  EXPECT_EQ(rule.reason(), "");
  rule.OnFailure(later, 0, "503");
  EXPECT_FALSE(rule.IsPaused(later));
}

TEST(PauseRuleTest, PausesGrowToHalfAnHour) {
  PauseRule rule;
  absl::Time now = kNow;
  for (int i = 0; i < 40; ++i) {
    rule.OnFailure(now, 0.9999, "503");
    now = std::max(now, rule.until());
  }
  rule.OnFailure(now, 0.9999, "503");
  EXPECT_LE(rule.until() - now, absl::Minutes(30));
  EXPECT_GT(rule.until() - now, absl::Minutes(29));
}

TEST(PauseRuleTest, ASuccessDoesNotEndALimit) {
  PauseRule rule;
  rule.PauseUntil(kNow + absl::Hours(1), kNow, "rate limit");
  rule.OnSuccess();
  EXPECT_TRUE(rule.IsPaused(kNow));
  EXPECT_EQ(rule.reason(), "rate limit");
  rule.PauseUntil(kNow + absl::Minutes(1), kNow, "a shorter one");
  EXPECT_EQ(rule.until(), kNow + absl::Hours(1));
  rule.PauseUntil(kNow + absl::Hours(1000), kNow, "absurd");
  EXPECT_EQ(rule.until(), kNow + kPauseMax);
}

TEST(ServiceRulesTest, NamesAreDistinct) {
  for (const Service service : kServices) EXPECT_NE(ServiceName(service), "");
  for (const ErrorClass error : kErrorClasses) EXPECT_NE(ErrorClassName(error), "");
  for (size_t i = 0; i < kErrorClasses.size(); ++i) EXPECT_EQ(static_cast<size_t>(kErrorClasses[i]), i);
}

}  // namespace
}  // namespace gofarm::catalog
