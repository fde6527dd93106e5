#include "coordinator/catalog/kept_github.h"

#include <gtest/gtest.h>

namespace gofarm::catalog {
namespace {

const absl::Time kNoon = absl::FromUnixSeconds(1'790'000'000);

KeptGithub Some() {
  return {.asked = "github.com/old/name",
          .repository = {.id = 7, .full_name = "New/Name", .license = "MIT", .topics = {"cli"}, .stars = 5},
          .etag = "W/\"x y\"",
          .at = kNoon};
}

TEST(KeptGithubTest, ARowGivesBackWhatItKeeps) {
  EnrichmentRow row;
  Keep(Some(), "mark", row);
  const std::optional<KeptGithub> kept = KeptOf(row, "mark");
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->asked, "github.com/old/name");
  EXPECT_EQ(kept->repository.full_name, "New/Name");
  EXPECT_EQ(kept->repository.stars, 5);
  EXPECT_EQ(kept->repository.topics, std::vector<std::string>{"cli"});
  EXPECT_EQ(kept->etag, "W/\"x y\"");
  EXPECT_EQ(kept->at, kNoon);
}

TEST(KeptGithubTest, TheEtagOfAnotherTokenIsNotUsed) {
  EnrichmentRow row;
  Keep(Some(), "mark", row);
  EXPECT_EQ(KeptOf(row, "other")->etag, "");
  EXPECT_EQ(KeptOf(row, "mar")->etag, "");
  EXPECT_EQ(KeptOf(row, "other")->repository.stars, 5) << "its facts are";
}

TEST(KeptGithubTest, WhatIsNoDocumentOfOursIsNothing) {
  EXPECT_FALSE(KeptOf({}, "m"));
  EXPECT_FALSE(KeptOf({.github = "{}", .github_at = kNoon}, "m"));
  EXPECT_FALSE(KeptOf({.github = "not json", .github_at = kNoon}, "m"));
  EXPECT_FALSE(KeptOf({.github = R"({"asked":"github.com/o/r"})", .github_at = kNoon}, "m"))
      << "it names no repository";
}

TEST(KeptGithubTest, AsItWasKeepsTheFactsAndOthersReplaceThem) {
  const absl::Time later = kNoon + absl::Hours(1);
  const auto same = After(Some(), "github.com/old/name", {.state = RepositoryState::kNotModified}, later);
  ASSERT_TRUE(same);
  EXPECT_EQ(same->repository.stars, 5);
  EXPECT_EQ(same->etag, Some().etag);
  EXPECT_EQ(same->at, later);
  RepositoryAnswer there{.state = RepositoryState::kThere, .repository = {.full_name = "New/Name", .stars = 6}};
  EXPECT_EQ(After(Some(), "github.com/old/name", there, later)->repository.stars, 6);
  EXPECT_TRUE(After(Some(), "github.com/old/name", {.state = RepositoryState::kMissing}, later)->missing);
  EXPECT_FALSE(After(Some(), "github.com/old/name", {.state = RepositoryState::kNotAnswered}, later));
  EXPECT_FALSE(After(std::nullopt, "github.com/old/name", {.state = RepositoryState::kNotModified}, later));
}

}  // namespace
}  // namespace gofarm::catalog
