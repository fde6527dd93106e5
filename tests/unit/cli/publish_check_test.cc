#include "cli/publish_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/base/text.h"
#include "common/digest/digest.h"

namespace gofarm::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kUrl[] = "https://bins.test/blobs/sha256/x";

// A server that answers everything so.
io::HttpAsk Server(int status, const std::string& body, std::vector<io::HttpRequest>* asked = nullptr) {
  return [=](const Scope&, const io::HttpRequest& request, const io::HttpLimits& limits,
             const io::HttpClient::BodySink& sink) -> absl::StatusOr<io::HttpResponse> {
    if (asked != nullptr) asked->push_back(request);
    io::HttpResponse response{.status = status};
    if (status / 100 != 2) return response;
    if (static_cast<int64_t>(body.size()) > limits.body_bytes) return absl::ResourceExhaustedError("too long");
    for (const char& c : body) {
      if (const absl::Status taken = sink(response, std::string_view(&c, 1)); !taken.ok()) return taken;
    }
    return response;
  };
}

absl::Status Check(const io::HttpAsk& ask, const std::string& published) {
  return CheckPublished(Scope::For(absl::Seconds(1)), ask, kUrl, digest::Sha256Hex(published),
                        static_cast<int64_t>(published.size()));
}

TEST(PublishCheckTest, TheSameBytesAreGood) {
  std::vector<io::HttpRequest> asked;
  EXPECT_TRUE(Check(Server(200, "program", &asked), "program").ok());
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].url, kUrl);
  EXPECT_FALSE(asked[0].compressed);
  EXPECT_EQ(PublishedUrl("https://bins.test", "ab"), "https://bins.test/blobs/sha256/ab");
}

TEST(PublishCheckTest, OtherBytesFewerBytesAndMoreBytesAreNot) {
  const absl::Status other = Check(Server(200, "prograM"), "program");
  EXPECT_TRUE(absl::IsDataLoss(other)) << other;
  EXPECT_THAT(std::string(other.message()), HasSubstr(digest::Sha256Hex("prograM")));
  EXPECT_TRUE(absl::IsDataLoss(Check(Server(200, "progra"), "program")));
  EXPECT_TRUE(absl::IsDataLoss(Check(Server(200, ""), "program")));
  EXPECT_TRUE(absl::IsDataLoss(Check(Server(200, "program and more"), "program")));
}

TEST(PublishCheckTest, WhatIsNotThereIsToldFromWhatDoesNotAnswer) {
  EXPECT_TRUE(absl::IsNotFound(Check(Server(404, ""), "program")));
  EXPECT_TRUE(absl::IsNotFound(Check(Server(410, ""), "program")));
  EXPECT_TRUE(absl::IsUnavailable(Check(Server(503, ""), "program")));
  EXPECT_TRUE(absl::IsUnavailable(Check(Server(204, ""), "program"))) << "no file";
  const io::HttpAsk dead = [](auto&&...) { return absl::UnavailableError("refused"); };
  EXPECT_TRUE(absl::IsUnavailable(Check(dead, "program")));
}

TEST(PublishCheckTest, ASampleIsSpreadOverAllAndNamesNothingTwice) {
  EXPECT_THAT(Sample(0, 5, 1), IsEmpty());
  EXPECT_THAT(Sample(5, 0, 1), IsEmpty());
  EXPECT_THAT(Sample(3, 20, 7), ElementsAre(0, 1, 2));
  EXPECT_THAT(Sample(100, 4, 3), ElementsAre(3, 28, 53, 78));
  std::set<size_t> ever;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    for (const size_t count : {7u, 10u, 23u}) {
      const std::vector<size_t> chosen = Sample(count, 5, seed);
      EXPECT_EQ(std::set<size_t>(chosen.begin(), chosen.end()).size(), 5u) << count << " " << seed;
      EXPECT_LT(chosen.back(), count);
      if (count == 10) ever.insert(chosen.begin(), chosen.end());
    }
  }
  EXPECT_EQ(ever.size(), 10u) << "each has its turn";
}

}  // namespace
}  // namespace gofarm::cli
