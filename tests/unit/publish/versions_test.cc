#include "common/publish/versions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace gofarm::publish {
namespace {

std::string Chosen(const std::vector<std::string>& versions, std::string_view query) {
  const std::optional<size_t> at = ChooseVersion(versions, query);
  return at ? versions[*at] : "none";
}

TEST(CompareVersionsTest, ByPrecedence) {
  const std::vector<std::string> sorted = {"no version",
                                           "v0.0.0-20240101000000-aaaaaaaaaaaa",
                                           "v0.0.0-20250101000000-000000000000",
                                           "v1.2.3-rc.1",
                                           "v1.2.3-rc.2",
                                           "v1.2.3-rc.11",
                                           "v1.2.3",
                                           "v1.2.4-0.20250101000000-aaaaaaaaaaaa",
                                           "v1.2.4",
                                           "v1.10.0",
                                           "v2.0.0+incompatible",
                                           "v2.0.0"};
  std::vector<std::string> shuffled(sorted.rbegin(), sorted.rend());
  std::sort(shuffled.begin(), shuffled.end(),
            [](const std::string& a, const std::string& b) { return CompareVersions(a, b) < 0; });
  EXPECT_EQ(shuffled, sorted);
}

TEST(ChooseVersionTest, LatestSkipsPrereleasesWhereThereIsARelease) {
  EXPECT_EQ(Chosen({"v1.2.0", "v1.10.0", "v2.0.0-rc.1", "v1.11.0-0.20250101000000-aaaaaaaaaaaa"}, "latest"), "v1.10.0");
  EXPECT_EQ(Chosen({"v2.0.0-rc.1", "v2.0.0-beta", "v9.0.0-0.20250101000000-aaaaaaaaaaaa"}, ""), "v2.0.0-rc.1");
  EXPECT_EQ(Chosen({"v0.0.0-20240101000000-aaaaaaaaaaaa", "v0.0.0-20250101000000-aaaaaaaaaaaa"}, ""),
            "v0.0.0-20250101000000-aaaaaaaaaaaa");
  EXPECT_EQ(Chosen({}, "latest"), "none");
  EXPECT_EQ(Chosen({"main", "HEAD-abc"}, "latest"), "none");
  EXPECT_EQ(Chosen({"v1.2.0", "v1.10.0", "v2.0.0-rc.1", "v1.9.9"}, ""), "v1.10.0");
  EXPECT_EQ(Chosen({"v0.0.0-20200101000000-aaaaaaaaaaaa", "v0.1.0-rc.1"}, ""), "v0.1.0-rc.1");
}

TEST(ChooseVersionTest, LatestPassesOverIncompatibleOnesAsGoDoes) {
  EXPECT_EQ(Chosen({"v1.5.0", "v3.0.0+incompatible"}, "latest"), "v1.5.0");
  EXPECT_EQ(Chosen({"v1.5.0-rc.1", "v3.0.0+incompatible"}, "latest"), "v1.5.0-rc.1");
  EXPECT_EQ(Chosen({"v2.0.0+incompatible", "v3.0.0+incompatible"}, "latest"), "v3.0.0+incompatible");
  EXPECT_EQ(Chosen({"v1.5.0", "v3.0.0+incompatible"}, "3"), "v3.0.0+incompatible");
}

TEST(ChooseVersionTest, ABeginningMeansTheHighestThatBeginsSo) {
  const std::vector<std::string> versions = {"v1.2.3", "v1.2.10", "v1.2.11-rc.1", "v1.20.0", "v1.3.0", "v10.0.0"};
  EXPECT_EQ(Chosen(versions, "1.2"), "v1.2.10");
  EXPECT_EQ(Chosen(versions, "v1.2"), "v1.2.10");
  EXPECT_EQ(Chosen(versions, "v1"), "v1.20.0");
  EXPECT_EQ(Chosen(versions, "1.4"), "none");
  EXPECT_EQ(Chosen({"v3.1.0-rc.1"}, "v3.1"), "v3.1.0-rc.1");
  const std::vector<std::string> others = {"v1.2.0", "v1.2.7", "v1.20.0", "v1.2.8-rc.1", "v1.3.0", "v0.9.0"};
  EXPECT_EQ(Chosen(others, "v1.2"), "v1.2.7");
  EXPECT_EQ(Chosen(others, "v1"), "v1.20.0");
  EXPECT_EQ(Chosen(others, "v2"), "none");
}

TEST(ChooseVersionTest, AWholeVersionMeansItself) {
  const std::vector<std::string> versions = {"v1.2.3", "v1.2.3-RC.1", "v4.0.0+incompatible"};
  EXPECT_EQ(Chosen(versions, "1.2.3"), "v1.2.3");
  EXPECT_EQ(Chosen(versions, "v1.2.3-rc.1"), "v1.2.3-RC.1");
  EXPECT_EQ(Chosen(versions, "v4.0.0"), "v4.0.0+incompatible");
  EXPECT_EQ(Chosen(versions, "v4.0.0-incompatible"), "v4.0.0+incompatible");
  EXPECT_EQ(Chosen(versions, "v1.2.4"), "none");
  EXPECT_EQ(Chosen(versions, "; rm -rf"), "none");
  EXPECT_EQ(Chosen({"v1.2.3-rc.1", "v1.2.3-RC.1"}, "v1.2.3-RC.1"), "v1.2.3-RC.1");
  EXPECT_EQ(Chosen({"v1.2.3-RC.1", "v1.2.3-rc.1"}, "v1.2.3-RC.1"), "v1.2.3-RC.1");
}

}  // namespace
}  // namespace gofarm::publish
