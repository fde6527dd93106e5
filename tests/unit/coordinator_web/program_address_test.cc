#include "coordinator/web/program_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"

namespace gofarm::web {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = VersionQuery::Kind;

TEST(ProgramAddressTest, PathAndVersionAreTakenApart) {
  const auto plain = ParseProgramAddress("github.com/rakyll/hey");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->import_path, "github.com/rakyll/hey");
  EXPECT_EQ(plain->version, VersionQuery());

  const auto whole = ParseProgramAddress("filippo.io/age/cmd/age@v1.3.2");
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->import_path, "filippo.io/age/cmd/age");
  EXPECT_EQ(whole->version, (VersionQuery{Kind::kExact, "v1.3.2"}));
}

TEST(ProgramAddressTest, VersionsMayBeOpen) {
  const auto version = [](std::string_view text) {
    const auto address = ParseProgramAddress(Cat("example.com/m@", text));
    return address.ok() ? address->version : VersionQuery{Kind::kLatest, std::string(address.status().message())};
  };
  EXPECT_EQ(version("latest"), VersionQuery());
  EXPECT_EQ(version("1.2"), (VersionQuery{Kind::kPrefix, "v1.2"}));
  EXPECT_EQ(version("v1"), (VersionQuery{Kind::kPrefix, "v1"}));
  EXPECT_EQ(version("1.2.3"), (VersionQuery{Kind::kExact, "v1.2.3"}));
  EXPECT_EQ(version("v2.0.0+incompatible"), (VersionQuery{Kind::kExact, "v2.0.0+incompatible"}));
  EXPECT_EQ(version("v1.2.3-rc.1"), (VersionQuery{Kind::kExact, "v1.2.3-rc.1"}));
  for (const char* bad : {"", "main", "v1.2.3.4", "v", "v01", "latest@v1", "1.2 ", "v1.2.3+build", "../x", "$(x)"}) {
    EXPECT_THAT(version(bad).text, HasSubstr("version")) << bad;
  }
  EXPECT_THAT(version(std::string(100'000, '1')).text.size(), testing::Lt(500u));
}

TEST(ProgramAddressTest, WhatGoRefusesIsNoAddress) {
  for (const char* bad :
       {"", "@v1.0.0", "../../etc", "github.com/../x", "github.com/rakyll/hey;touch x", "hey", "GitHub.com/a/b",
        "github.com/a b", "github.com/a/'b'", "github.com/a/", "/github.com/a", "github.com//a", "-x.com/a",
        "example.com/\xff", "example.com/\u202e", "example.com/a\nb", "localhost/x"}) {
    const auto address = ParseProgramAddress(bad);
    EXPECT_EQ(address.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_EQ(address.status().message().find('\n'), absl::string_view::npos) << bad;
  }
  EXPECT_FALSE(ParseProgramAddress("example.com/" + std::string(gomod::kModulePathMax, 'a')).ok());
}

TEST(ProgramAddressTest, TheModuleMayBeAnyBeginning) {
  EXPECT_THAT(ModuleCandidates("github.com/a/b/v2/cmd/x"),
              ElementsAre("github.com/a/b/v2/cmd/x", "github.com/a/b/v2/cmd", "github.com/a/b/v2", "github.com/a/b",
                          "github.com/a", "github.com"));
  // No module ends in /v1, but its packages may.
  EXPECT_THAT(ModuleCandidates("a.b/v1"), ElementsAre("a.b"));
}

TEST(PickVersionTest, LatestSkipsPreReleases) {
  const std::vector<std::string> versions = {"v1.2.0", "v1.10.0", "v2.0.0-rc.1", "v1.9.9"};
  EXPECT_EQ(PickVersion({}, "example.com/m", versions), "v1.10.0");
  const std::vector<std::string> early = {"v0.0.0-20200101000000-aaaaaaaaaaaa", "v0.1.0-rc.1"};
  EXPECT_EQ(PickVersion({}, "example.com/m", early), "v0.1.0-rc.1");
  EXPECT_EQ(PickVersion({}, "example.com/m", {}), "");
}

TEST(PickVersionTest, APrefixMeansTheHighestMatch) {
  const std::vector<std::string> versions = {"v1.2.0", "v1.2.7", "v1.20.0", "v1.2.8-rc.1", "v1.3.0", "v0.9.0"};
  EXPECT_EQ(PickVersion({Kind::kPrefix, "v1.2"}, "example.com/m", versions), "v1.2.7");
  EXPECT_EQ(PickVersion({Kind::kPrefix, "v1"}, "example.com/m", versions), "v1.20.0");
  EXPECT_EQ(PickVersion({Kind::kPrefix, "v2"}, "example.com/m", versions), "");
}

TEST(PickVersionTest, AWholeVersionMeansItself) {
  const std::vector<std::string> versions = {"v1.2.0", "v1.3.0-rc.1", "v2.0.0+incompatible"};
  EXPECT_EQ(PickVersion({Kind::kExact, "v1.3.0-rc.1"}, "example.com/m", versions), "v1.3.0-rc.1");
  EXPECT_EQ(PickVersion({Kind::kExact, "v2.0.0"}, "example.com/m", versions), "v2.0.0+incompatible");
  EXPECT_EQ(PickVersion({Kind::kExact, "v1.2.1"}, "example.com/m", versions), "");
}

}  // namespace
}  // namespace gofarm::web
