#include "common/gomod/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::gomod {
namespace {

TEST(CheckVersionTest, TakesCanonicalVersionsOnly) {
  for (const char* version : {"v1.2.3", "v0.0.0", "v1.2.3-rc.1", "v1.2.3-0.x-y.Z", "v2.0.0+incompatible",
                              "v0.0.0-20191109021931-daa7c04131f5", "v10.20.30"}) {
    EXPECT_TRUE(CheckVersion(version).ok()) << CheckVersion(version);
  }
  for (const char* version :
       {"", "latest", "1.2.3", "v1", "v1.2", "v01.2.3", "v1.2.3-", "v1.2.3-01", "v1.2.3-a..b", "v1.2.3+meta",
        "v1.2.3.4", "v1.2.3 ", "v1.2.3\n", "master", "v-1.2.3", "v1.2.3-\x1b[0m"}) {
    EXPECT_EQ(CheckVersion(version).code(), absl::StatusCode::kInvalidArgument) << version;
  }
  EXPECT_THAT(std::string(CheckVersion("v1.2.3\n").message()), testing::HasSubstr("control character"));
}

// The order of the semantic versioning specification, section 11.
TEST(CompareSemverTest, FollowsTheSpecification) {
  const std::vector<std::string> ascending = {"bad",
                                              "v0.0.1",
                                              "v1.0.0-alpha",
                                              "v1.0.0-alpha.1",
                                              "v1.0.0-alpha.beta",
                                              "v1.0.0-beta",
                                              "v1.0.0-beta.2",
                                              "v1.0.0-beta.11",
                                              "v1.0.0-rc.1",
                                              "v1.0.0",
                                              "v1.2.0",
                                              "v1.10.0",
                                              "v2.0.0",
                                              "v99999999999999999999.0.0"};
  for (size_t i = 0; i < ascending.size(); ++i) {
    for (size_t j = 0; j < ascending.size(); ++j) {
      const int c = CompareSemver(ascending[i], ascending[j]);
      EXPECT_EQ(c < 0 ? -1 : c > 0, i < j ? -1 : i > j) << ascending[i] << " " << ascending[j];
    }
  }
  EXPECT_EQ(CompareSemver("v2.0.0", "v2.0.0+incompatible"), 0);
}

TEST(IsPseudoTest, KnowsTheThreeForms) {
  for (const char* version : {"v0.0.0-20191109021931-daa7c04131f5", "v2.0.0-20191109021931-daa7c04131f5",
                              "v1.2.4-0.20191109021931-daa7c04131f5", "v1.2.3-pre.0.20191109021931-daa7c04131f5",
                              "v2.0.1-0.20191109021931-daa7c04131f5+incompatible"}) {
    EXPECT_TRUE(IsPseudo(version)) << version;
  }
  for (const char* version :
       {"v1.2.3", "v1.2.3-rc.1", "v1.2.3-20191109021931-daa7c04131f5", "v0.0.0-2019110902193-daa7c04131f5",
        "v0.0.0-20191109021931", "v1.2.3-pre.20191109021931-daa7c04131f5"}) {
    EXPECT_FALSE(IsPseudo(version)) << version;
  }
}

TEST(ChooseLatestTest, TheHighestReleaseWinsOverHigherPreReleases) {
  EXPECT_EQ(ChooseLatest("example.com/m", {"v1.2.0", "v1.10.0", "v1.11.0-rc.1", "v1.9.0"}, {}), "v1.10.0");
}

TEST(ChooseLatestTest, RetractedVersionsArePassedOver) {
  EXPECT_EQ(ChooseLatest("example.com/m", {"v1.0.0", "v1.1.0", "v1.2.0"}, {{"v1.1.0", "v1.2.0"}}), "v1.0.0");
  EXPECT_EQ(ChooseLatest("example.com/m", {"v1.0.0", "v1.1.0-rc.1"}, {{"v1.0.0", "v1.0.0"}}), "v1.1.0-rc.1");
  EXPECT_EQ(ChooseLatest("example.com/m", {"v1.0.0"}, {{"v1.0.0", "v1.0.0"}}), "");
}

TEST(ChooseLatestTest, OtherMajorsPseudoVersionsAndRubbishDoNotCount) {
  EXPECT_EQ(ChooseLatest("example.com/m/v2", {"v1.9.0", "v2.1.0", "v3.0.0"}, {}), "v2.1.0");
  EXPECT_EQ(ChooseLatest("example.com/m", {"v1.0.1-0.20191109021931-daa7c04131f5", "latest", "v1"}, {}), "");
}

TEST(ChooseLatestTest, IncompatibleVersionsCountOnlyWhenNoModuleIsThere) {
  EXPECT_EQ(ChooseLatest("example.com/m", {"v1.0.0", "v2.0.0+incompatible"}, {}), "v1.0.0");
  EXPECT_EQ(ChooseLatest("example.com/m", {"v1.0.0", "v2.0.0+incompatible"}, {}, false), "v2.0.0+incompatible");
  EXPECT_EQ(ChooseLatest("example.com/m", {"v2.0.0+incompatible"}, {}), "v2.0.0+incompatible");
}

// A language version comes before its candidates, and they before its first release, since Go 1.21.
TEST(CompareGoVersionTest, FollowsGoItself) {
  const std::vector<std::string> ascending = {"",       "1",    "1.2",     "1.18beta1", "1.18rc1", "1.18",
                                              "1.18.1", "1.20", "1.21",    "1.21rc2",   "1.21.0",  "1.21.13",
                                              "1.26.8", "1.27", "1.27rc1", "1.27.0",    "2.0"};
  for (size_t i = 0; i < ascending.size(); ++i) {
    for (size_t j = 0; j < ascending.size(); ++j) {
      // A pre-release of the time before 1.21 is before "1.18", which is 1.18.0; its order is by kind otherwise.
      const int c = CompareGoVersion(ascending[i], ascending[j]);
      EXPECT_EQ(c < 0 ? -1 : c > 0, i < j ? -1 : i > j) << ascending[i] << " " << ascending[j];
    }
  }
  EXPECT_EQ(CompareGoVersion("1.20", "1.20.0"), 0);
  EXPECT_EQ(GoLanguageVersion("1.26.8"), "1.26");
  EXPECT_EQ(GoLanguageVersion("1.21rc2"), "1.21");
  for (const char* bad : {"go1.21", "1.", "1.021", "1.21.3rc1", "1.21x-", "v1.2.3", "1.2.3.4"})
    EXPECT_FALSE(IsGoVersion(bad)) << bad;
}

}  // namespace
}  // namespace gofarm::gomod
