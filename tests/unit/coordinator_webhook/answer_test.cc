#include "coordinator/webhook/answer.h"

#include <gmock/gmock.h>

namespace gofarm::webhook {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

io::HttpResponse Answer(int status, std::string body = "", io::HttpHeaders headers = {}) {
  return {.status = status, .headers = std::move(headers), .body = std::move(body)};
}

TEST(JudgeTest, ANewMessageHasAnId) {
  const Verdict sent = Judge(Kind::kDiscord, false, Answer(200, R"({"id": "1100", "type": 0})"));
  EXPECT_EQ(sent.result, Result::kSent);
  EXPECT_EQ(sent.message_id, "1100");
  for (const char* body : {"", "{}", "[]", R"({"id": 1100})", R"({"id": ""})", R"({"id": "../x"})",
                           R"({"id": "123456789012345678901"})"}) {
    EXPECT_EQ(Judge(Kind::kDiscord, false, Answer(200, body)).result, Result::kParked) << body;
  }
  EXPECT_EQ(Judge(Kind::kDiscord, true, Answer(200)).result, Result::kEdited);
  EXPECT_EQ(Judge(Kind::kJson, false, Answer(204)).result, Result::kSent);
}

TEST(JudgeTest, TooManyRequestsNameTheLongestOfTheirWaits) {
  EXPECT_EQ(Judge(Kind::kDiscord, false, Answer(429)).wait, kLimitedLeast);
  io::HttpResponse limited = Answer(429, R"({"retry_after": 2.5})");
  EXPECT_EQ(Judge(Kind::kDiscord, true, limited).result, Result::kRateLimited);
  EXPECT_EQ(Judge(Kind::kDiscord, true, limited).wait, absl::Milliseconds(2500));
  limited.retry_after = absl::Seconds(7);
  EXPECT_EQ(Judge(Kind::kDiscord, true, limited).wait, absl::Seconds(7));
  limited = Answer(429, R"({"retry_after": 1e300})");
  EXPECT_EQ(Judge(Kind::kJson, false, limited).wait, io::kRetryAfterMax);
  limited = Answer(429, R"({"retry_after": -5})");
  EXPECT_EQ(Judge(Kind::kJson, false, limited).wait, kLimitedLeast);
}

TEST(JudgeTest, AnEmptyBucketIsWaitedFor) {
  const auto with = [](const char* remaining, const char* after) {
    return Answer(200, R"({"id": "1"})", {{"x-ratelimit-remaining", remaining}, {"x-ratelimit-reset-after", after}});
  };
  EXPECT_EQ(Judge(Kind::kDiscord, false, with("0", "1.25")).wait, absl::Milliseconds(1250));
  EXPECT_EQ(Judge(Kind::kDiscord, false, with("3", "1.25")).wait, absl::ZeroDuration());
  EXPECT_EQ(Judge(Kind::kDiscord, false, with("0", "soon")).wait, absl::ZeroDuration());
}

TEST(JudgeTest, WhatIsUnknownThereParksTheDestinationAndADeletedMessageDoesNot) {
  for (const int status : {401, 403, 404, 410, 302, 308}) {
    EXPECT_EQ(Judge(Kind::kDiscord, false, Answer(status)).result, Result::kParked) << status;
  }
  EXPECT_EQ(Judge(Kind::kDiscord, true, Answer(404, R"({"code": 10008})")).result, Result::kGone);
  EXPECT_EQ(Judge(Kind::kDiscord, true, Answer(403)).result, Result::kParked);
  EXPECT_THAT(Judge(Kind::kDiscord, false, Answer(404, R"({"code": 10015})")).why, HasSubstr("HTTP 404, code 10015"));
}

TEST(JudgeTest, WhatMayPassIsToldFromWhatDoesNot) {
  for (const int status : {408, 500, 502, 503}) {
    EXPECT_EQ(Judge(Kind::kJson, false, Answer(status)).result, Result::kUnavailable) << status;
  }
  for (const int status : {400, 405, 413, 422}) {
    EXPECT_EQ(Judge(Kind::kJson, false, Answer(status)).result, Result::kRefused) << status;
  }
  for (const int status : {408, 425, 500, 503}) EXPECT_TRUE(Judge(Kind::kJson, false, Answer(status)).answered);
  for (const absl::Status& away : {absl::UnavailableError("x"), absl::DeadlineExceededError("x")}) {
    EXPECT_FALSE(Judge(Kind::kJson, false, away).answered) << away;
  }
  EXPECT_EQ(Judge(Kind::kJson, false, absl::UnavailableError("x")).result, Result::kUnavailable);
  EXPECT_EQ(Judge(Kind::kJson, false, absl::ResourceExhaustedError("x")).result, Result::kUnavailable);
}

TEST(JudgeTest, NothingThatWasAnsweredOrAskedIsRepeated) {
  const std::string secret = "sEcReT";
  EXPECT_THAT(Judge(Kind::kDiscord, false, Answer(400, R"({"message": "sEcReT"})")).why, Not(HasSubstr(secret)));
  EXPECT_THAT(Judge(Kind::kDiscord, false, absl::UnavailableError("POST https://x.test/sEcReT: refused")).why,
              Not(HasSubstr(secret)));
  EXPECT_THAT(Judge(Kind::kDiscord, false, absl::InternalError("POST https://x.test/sEcReT: odd")).why,
              Not(HasSubstr(secret)));
}

}  // namespace
}  // namespace gofarm::webhook
