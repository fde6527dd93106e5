#include "cli/farm_index.h"

#include <gtest/gtest.h>

#include <string>

namespace gofarm::cli {
namespace {

absl::StatusOr<install::FarmTells> Tells(FarmClient&) {
  return install::FarmTells{.index_url = "https://bins.example.org/index", .minisign_key = "RW"};
}

TEST(FarmIndexTest, TheUsualFarmMayBeAwayAndANamedOneMayNot) {
  const std::string nowhere = ::testing::TempDir() + "/no-such-farm";
  const auto usual = AskFarm(FarmChoice{.dir = nowhere, .named_by = kNamedByDefault}, Tells);
  ASSERT_TRUE(usual.ok()) << usual.status();
  EXPECT_FALSE(usual->has_value());
  EXPECT_TRUE(absl::IsUnavailable(AskFarm(FarmChoice{.dir = nowhere, .named_by = "GOFARM_DIR"}, Tells).status()));
}

TEST(FarmIndexTest, WhatAFarmTellsIsTakenAndWithoutACallNothingIsTold) {
  const FarmChoice choice{.server = "unix:/nonexistent/socket", .named_by = "--server"};
  const auto told = AskFarm(choice, Tells);
  ASSERT_TRUE(told.ok() && told->has_value()) << told.status();
  EXPECT_EQ((*told)->index_url, "https://bins.example.org/index");
  EXPECT_EQ((*told)->minisign_key, "RW");
  const auto silent = AskFarm(choice, nullptr);
  ASSERT_TRUE(silent.ok() && silent->has_value());
  EXPECT_EQ((*silent)->index_url, "");
  const auto failed = AskFarm(choice, [](FarmClient&) -> absl::StatusOr<install::FarmTells> {
    return absl::PermissionDeniedError("viewers may not");
  });
  EXPECT_TRUE(absl::IsPermissionDenied(failed.status()));
}

}  // namespace
}  // namespace gofarm::cli
