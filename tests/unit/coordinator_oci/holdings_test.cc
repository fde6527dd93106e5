#include "coordinator/oci/holdings.h"

#include <gtest/gtest.h>

namespace gofarm::oci {
namespace {

using Known = Holdings::Known;

TEST(HoldingsTest, NothingIsKnownOfARepositoryThatNobodyLookedAt) {
  Holdings holdings;
  EXPECT_FALSE(holdings.Looked("r"));
  EXPECT_EQ(holdings.Of("r", "sha256:1"), Known::kUnknown);
  holdings.Add("r", "sha256:1");
  EXPECT_EQ(holdings.Of("r", "sha256:1"), Known::kUnknown);
}

TEST(HoldingsTest, InANewRepositoryIsWhatWasAddedAndNothingElse) {
  Holdings holdings;
  holdings.Look("new", true);
  holdings.Look("old", false);
  holdings.Look("old", true);
  for (const char* const repository : {"new", "old"}) holdings.Add(repository, "v1");
  EXPECT_EQ(holdings.Of("new", "v1"), Known::kHeld);
  EXPECT_EQ(holdings.Of("new", "v2"), Known::kAbsent);
  EXPECT_EQ(holdings.Of("old", "v1"), Known::kHeld);
  EXPECT_EQ(holdings.Of("old", "v2"), Known::kUnknown) << "the first look counts";
  for (const char* const repository : {"new", "never looked at"}) {
    holdings.Doubt(repository);
    EXPECT_TRUE(holdings.Looked(repository));
    EXPECT_EQ(holdings.Of(repository, "v1"), Known::kUnknown);
    EXPECT_EQ(holdings.Of(repository, "v2"), Known::kUnknown);
  }
  EXPECT_EQ(holdings.Of("old", "v1"), Known::kHeld);
}

TEST(HoldingsTest, BeyondItsBoundItBeginsAgain) {
  Holdings holdings(3);
  holdings.Look("r", true);
  for (const char* const what : {"1", "2", "2"}) holdings.Add("r", what);
  EXPECT_EQ(holdings.Of("r", "2"), Known::kHeld);
  holdings.Add("r", "3");
  EXPECT_FALSE(holdings.Looked("r"));
  for (const char* const repository : {"a", "b", "c", "d"}) holdings.Look(repository, true);
  EXPECT_FALSE(holdings.Looked("a"));
  EXPECT_TRUE(holdings.Looked("d"));
}

}  // namespace
}  // namespace gofarm::oci
