#include "common/publish/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/gomod/path.h"

namespace gofarm::publish {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Paths = std::vector<std::string>;

TEST(ParseAddressTest, PathAndVersionAreTakenApart) {
  EXPECT_EQ(ParseAddress("github.com/rakyll/hey")->path, "github.com/rakyll/hey");
  EXPECT_EQ(ParseAddress("github.com/rakyll/hey")->version, "");
  const Address address = ParseAddress("filippo.io/age/cmd/age@v1.3.2").value();
  EXPECT_EQ(address.path, "filippo.io/age/cmd/age");
  EXPECT_EQ(address.version, "v1.3.2");
  EXPECT_EQ(ParseAddress("example.com/m@v2.0.0+incompatible")->version, "v2.0.0+incompatible");
}

TEST(ParseAddressTest, VersionsMayBeOpen) {
  const auto version = [](const std::string& text) { return ParseAddress(absl::StrCat("a.b/m@", text))->version; };
  EXPECT_EQ(version("latest"), "");
  EXPECT_EQ(version("1.2"), "v1.2");
  EXPECT_EQ(version("v1"), "v1");
  EXPECT_EQ(version("1.2.3"), "v1.2.3");
  EXPECT_EQ(version("v2.0.0+incompatible"), "v2.0.0+incompatible");
  EXPECT_EQ(version("v1.2.3-rc.1"), "v1.2.3-rc.1");
  EXPECT_EQ(ParseAddress(AddressText("a.b/m", "v1.2"))->version, "v1.2");
  EXPECT_EQ(AddressText("a.b/m", ""), "a.b/m");
}

TEST(ParseAddressTest, WhatIsNoVersionIsRefused) {
  for (const std::string text : {"", "main", "v1.2.3.4", "v", "v01", "latest@v1", "1.2 ", "v1.2.3+build", "../x",
                                 "$(x)", "$(id)", "-x", "v1 2", "v1@v2", "v1\x1b[2J"}) {
    const absl::Status status = ParseAddress(absl::StrCat("example.com/m@", text)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("@v1.2.3")) << text;
    EXPECT_EQ(status.message().find('\x1b'), absl::string_view::npos);
  }
  const absl::Status status = ParseAddress(absl::StrCat("a.b/m@", std::string(100'000, '1'))).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_LT(status.message().size(), 600u);
}

TEST(ParseAddressTest, WhatGoRefusesIsNoAddressAndIsShownEscapedInOneLine) {
  for (const std::string text : {"",
                                 "@v1.0.0",
                                 "github.com/rakyll/hey;touch x",
                                 "../../etc",
                                 "/etc/passwd",
                                 "github.com/a//b",
                                 "hey",
                                 "github.com/a/b\n",
                                 "https://github.com/a/b",
                                 "-x.org/a",
                                 "GITHUB.com/a/b",
                                 "github.com/../x",
                                 "github.com/a b",
                                 "github.com/a/'b'",
                                 "github.com/a/",
                                 "/github.com/a",
                                 "example.com/\xff",
                                 "example.com/\u202e",
                                 "example.com/a\nb",
                                 "localhost/x",
                                 "a.b/\x1b[2J"}) {
    const absl::Status status = ParseAddress(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_EQ(status.message().find_first_of("\x1b\n"), absl::string_view::npos) << text;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ParseAddress(absl::StrCat("a.b/", std::string(2000, 'x'))).status()));
  EXPECT_FALSE(ParseAddress("example.com/" + std::string(gomod::kModulePathMax, 'a')).ok());
}

TEST(CandidateModulesTest, LongestFirst) {
  EXPECT_THAT(CandidateModules("filippo.io/age/cmd/age"),
              ElementsAre("filippo.io/age/cmd/age", "filippo.io/age/cmd", "filippo.io/age", "filippo.io"));
  EXPECT_THAT(CandidateModules("example.com/m/v1/x"),
              ElementsAre("example.com/m/v1/x", "example.com/m", "example.com"));
  EXPECT_THAT(CandidateModules("github.com/a/b/v2/cmd/x"),
              ElementsAre("github.com/a/b/v2/cmd/x", "github.com/a/b/v2/cmd", "github.com/a/b/v2", "github.com/a/b",
                          "github.com/a", "github.com"));
  // No module ends in /v1, but its packages may.
  EXPECT_THAT(CandidateModules("a.b/v1"), ElementsAre("a.b"));
}

TEST(ChooseProgramTest, ThePathOfAProgramMeansThatProgram) {
  const Paths paths = {"filippo.io/age/cmd/age", "filippo.io/age/cmd/age-keygen"};
  EXPECT_EQ(ChooseProgram("filippo.io/age", "filippo.io/age/cmd/age-keygen", paths).value(), 1u);
}

TEST(ChooseProgramTest, WithoutAPathTheOnlyOneThenTheRootThenTheModulesName) {
  EXPECT_EQ(ChooseProgram("e.org/gojq", "e.org/gojq", Paths{"e.org/gojq/cmd/anything"}).value(), 0u);
  EXPECT_EQ(ChooseProgram("e.org/a", "e.org/a", Paths{"e.org/a/cmd/a", "e.org/a"}).value(), 1u);
  EXPECT_EQ(ChooseProgram("e.org/age", "e.org/age", Paths{"e.org/age/cmd/age-keygen", "e.org/age/cmd/age"}).value(),
            1u);
  EXPECT_EQ(ChooseProgram("e.org/ctl/v3", "e.org/ctl/v3", Paths{"e.org/ctl/v3/x", "e.org/ctl/v3/cmd/ctl"}).value(), 1u);
}

TEST(ChooseProgramTest, OtherwiseThePathsAreListed) {
  const absl::Status several = ChooseProgram("e.org/m", "e.org/m", Paths{"e.org/m/cmd/y", "e.org/m/cmd/x"}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(several));
  EXPECT_THAT(std::string(several.message()), HasSubstr("e.org/m/cmd/x\n  e.org/m/cmd/y"));
  // Two of the module's name are no choice either.
  EXPECT_TRUE(
      absl::IsInvalidArgument(ChooseProgram("e.org/m", "e.org/m", Paths{"e.org/m/cmd/m", "e.org/m/tools/m"}).status()));
  EXPECT_TRUE(absl::IsNotFound(ChooseProgram("e.org/m", "e.org/m/cmd/z", Paths{"e.org/m/cmd/y"}).status()));
  EXPECT_TRUE(absl::IsNotFound(ChooseProgram("e.org/m", "e.org/m", Paths{}).status()));
}

TEST(ChooseProgramTest, AListIsBounded) {
  Paths paths;
  for (int i = 0; i < 500; ++i) paths.push_back(absl::StrCat("e.org/m/cmd/p", i));
  const absl::Status status = ChooseProgram("e.org/m", "e.org/m", paths).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("and 460 more"));
}

}  // namespace
}  // namespace gofarm::publish
