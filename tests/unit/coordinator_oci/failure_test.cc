#include "coordinator/oci/failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/base/text.h"

namespace gofarm::oci {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(FailureTest, EveryClassHasANameThatReadsBack) {
  for (int i = 0; i <= static_cast<int>(kLastFailureClass); ++i) {
    const auto why = static_cast<FailureClass>(i);
    EXPECT_EQ(ParseFailureClass(FailureClassName(why)), why);
    const Failure back = FailureOf(
        Annotate(MakeFailure({.why = why, .http_status = 418, .code = "DENIED", .retry_after = absl::Seconds(7)}, "m"),
                 "outer"));
    EXPECT_EQ(back.why, why);
    EXPECT_EQ(back.http_status, 418);
    EXPECT_EQ(back.code, "DENIED");
    EXPECT_EQ(back.retry_after, absl::Seconds(7));
  }
  EXPECT_EQ(ParseFailureClass("nothing"), std::nullopt);
}

TEST(FailureTest, WhatIsWorthARetry) {
  std::vector<std::string> worth;
  for (int i = 0; i <= static_cast<int>(kLastFailureClass); ++i) {
    const auto why = static_cast<FailureClass>(i);
    if (WorthRetry(why)) worth.emplace_back(FailureClassName(why));
  }
  EXPECT_THAT(worth, ::testing::ElementsAre("blob_missing", "rate_limited", "unavailable", "digest_mismatch",
                                            "broken_answer", "timed_out", "stopped"));
}

TEST(FailureTest, AnswersAreClassified) {
  const auto errors = [](const std::string& code) {
    return Cat(R"({"errors":[{"code":")", code, R"(","message":"m"}]})");
  };
  struct Case {
    int status;
    std::string body;
    FailureClass why;
  };
  for (const Case& c : std::vector<Case>{{401, "", FailureClass::kUnauthorized},
                                         {403, errors("DENIED"), FailureClass::kForbidden},
                                         {404, errors("NAME_UNKNOWN"), FailureClass::kNotFound},
                                         {404, errors("MANIFEST_BLOB_UNKNOWN"), FailureClass::kBlobMissing},
                                         {400, errors("MANIFEST_BLOB_UNKNOWN"), FailureClass::kBlobMissing},
                                         {404, errors("BLOB_UPLOAD_UNKNOWN"), FailureClass::kUnavailable},
                                         {400, errors("DIGEST_INVALID"), FailureClass::kDigestMismatch},
                                         {400, errors("UNSUPPORTED"), FailureClass::kUnsupported},
                                         {400, errors("MANIFEST_INVALID"), FailureClass::kRefused},
                                         {400, "<html>", FailureClass::kRefused},
                                         {405, "", FailureClass::kUnsupported},
                                         {408, "", FailureClass::kUnavailable},
                                         {413, "", FailureClass::kTooLarge},
                                         {416, "", FailureClass::kRefused},
                                         {429, "", FailureClass::kRateLimited},
                                         {400, errors("TOOMANYREQUESTS"), FailureClass::kRateLimited},
                                         {500, "", FailureClass::kUnavailable},
                                         {501, "", FailureClass::kUnsupported},
                                         {503, errors("UNAVAILABLE"), FailureClass::kUnavailable},
                                         {200, "", FailureClass::kBrokenAnswer},
                                         {302, "", FailureClass::kBrokenAnswer}}) {
    const Failure failure = FailureOf(FailureOfAnswer({.status = c.status, .body = c.body}, "push"));
    EXPECT_EQ(FailureClassName(failure.why), FailureClassName(c.why)) << c.status << " " << c.body;
    EXPECT_EQ(failure.http_status, c.status);
  }
  // A limit that is spoken as a prohibition.
  EXPECT_EQ(FailureOf(FailureOfAnswer({.status = 403, .retry_after = absl::Seconds(60)}, "push")).why,
            FailureClass::kRateLimited);
}

TEST(FailureTest, WhatTheRegistrySaysIsEscapedAndCut) {
  const std::string body =
      Cat(R"({"errors":[{"code":"DENIED","message":"\u001b[31mred\u0007)", std::string(5000, 'x'), R"("}]})");
  const absl::Status status = FailureOfAnswer({.status = 403, .body = body}, "push");
  EXPECT_THAT(status.ToString(), Not(HasSubstr("\x1b")));
  EXPECT_LT(status.message().size(), 400U);
  // A code that is none of the specification's form is left out: it goes into rows and labels.
  for (const std::string& bad : std::vector<std::string>{"lower", "A|B", "A B", std::string(41, 'A'), "\\u001b"}) {
    EXPECT_EQ(
        FailureOf(FailureOfAnswer({.status = 400, .body = Cat(R"({"errors":[{"code":")", bad, "\"}]}")}, "p")).code, "")
        << bad;
  }
  for (const std::string odd :
       {R"({"errors":[]})", R"({"errors":{}})", R"([1])", R"({"errors":[{"code":7}]})", "null"}) {
    EXPECT_EQ(FailureOf(FailureOfAnswer({.status = 400, .body = odd}, "p")).why, FailureClass::kRefused) << odd;
  }
}

TEST(FailureTest, StatusesOfOthersHaveAClassToo) {
  EXPECT_EQ(FailureOf(absl::CancelledError("")).why, FailureClass::kStopped);
  EXPECT_EQ(FailureOf(absl::DeadlineExceededError("")).why, FailureClass::kTimedOut);
  EXPECT_EQ(FailureOf(absl::NotFoundError("a file")).why, FailureClass::kLocal);
  EXPECT_EQ(FailureOf(FailureOfTransfer(absl::UnavailableError(""))).why, FailureClass::kUnavailable);
  EXPECT_EQ(FailureOf(FailureOfTransfer(absl::PermissionDeniedError(""))).why, FailureClass::kBrokenAnswer);
  EXPECT_EQ(FailureOf(FailureOfTransfer(absl::DataLossError("a file"))).why, FailureClass::kLocal);
}

}  // namespace
}  // namespace gofarm::oci
