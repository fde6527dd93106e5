#include "coordinator/web/negotiation.h"

#include <gtest/gtest.h>

#include <string>

namespace gofarm::web {
namespace {

constexpr std::string_view kOffers[] = {"text/html", "application/json"};

TEST(NegotiateTest, TheHighestQualityWins) {
  EXPECT_EQ(Negotiate("application/json", kOffers), 1);
  EXPECT_EQ(Negotiate("text/html;q=0.5, application/json;q=0.8", kOffers), 1);
  EXPECT_EQ(Negotiate("application/json;q=0.8, text/html", kOffers), 0);
  EXPECT_EQ(Negotiate("application/json;q=0.801,text/html;q=0.8", kOffers), 1);
  EXPECT_EQ(Negotiate("APPLICATION/JSON ; Q=1.000", kOffers), 1);
}

TEST(NegotiateTest, OfEqualOnesTheFirst) {
  EXPECT_EQ(Negotiate("", kOffers), 0);
  EXPECT_EQ(Negotiate("*/*", kOffers), 0);
  EXPECT_EQ(Negotiate("application/json, text/html", kOffers), 0);
  EXPECT_EQ(Negotiate("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", kOffers), 0);
}

TEST(NegotiateTest, TheMostSpecificRangeSaysTheQuality) {
  EXPECT_EQ(Negotiate("*/*, text/html;q=0.1", kOffers), 1);
  EXPECT_EQ(Negotiate("text/html;q=0, text/*, */*;q=0.1", kOffers), 1);
  EXPECT_EQ(Negotiate("application/*;q=0.9, */*;q=0.1", kOffers), 1);
}

TEST(NegotiateTest, NothingAcceptableIsAnAnswer) {
  EXPECT_EQ(Negotiate("image/png", kOffers), std::nullopt);
  EXPECT_EQ(Negotiate("*/*;q=0", kOffers), std::nullopt);
  EXPECT_EQ(Negotiate("text/html;q=0.000, application/json;q=0", kOffers), std::nullopt);
  EXPECT_EQ(Negotiate("*/*", {}), std::nullopt);
}

TEST(NegotiateTest, WhatIsNotUnderstoodIsPassedOver) {
  for (const char* bad :
       {"json", "application/json;q=2", "application/json;q=-1", "application/json;q=0.0001", "application/json;q=1.5",
        "application/json;q=", "application/json;q=0x1", "application/json;version=2", ";;;,,,", "\xff\xfe"}) {
    EXPECT_EQ(Negotiate(std::string(bad) + ", text/html;q=0.1", kOffers), 0) << bad;
  }
  EXPECT_EQ(Negotiate("application/json;q=0.5;ext=1", kOffers), 1);
}

TEST(NegotiateTest, AFieldThatIsTooLongCountsAsAbsent) {
  const std::string json = "application/json";
  EXPECT_EQ(Negotiate(json + std::string(kAcceptMax - json.size(), ','), kOffers), 1);
  EXPECT_EQ(Negotiate(json + std::string(kAcceptMax, ','), kOffers), 0);
  std::string many;
  for (size_t i = 0; i < kAcceptRangesMax; ++i) many += "a/b,";
  EXPECT_EQ(Negotiate(many + json, kOffers), std::nullopt);
}

TEST(NegotiatePageTest, APersonGetsHtml) {
  EXPECT_EQ(NegotiatePage("image/png"), Media::kHtml);
  EXPECT_EQ(NegotiatePage(""), Media::kHtml);
  EXPECT_EQ(NegotiatePage("application/json"), Media::kJson);
}

}  // namespace
}  // namespace gofarm::web
