#include "common/publish/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

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

TEST(ParseAddressTest, WhatIsNoAddressIsRefusedAndShownEscaped) {
  for (const std::string text :
       {"", "@v1.0.0", "github.com/rakyll/hey;touch x", "../../etc", "/etc/passwd", "github.com/a//b", "hey",
        "github.com/a/b@", "github.com/a/b@v1 2", "github.com/a/b@v1@v2", "github.com/a/b@$(id)", "github.com/a/b@-x",
        "github.com/a/b\n", "github.com/a/b@v1\x1b[2J", "https://github.com/a/b", "-x.org/a", "GITHUB.com/a/b"}) {
    const absl::Status status = ParseAddress(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_EQ(status.message().find('\x1b'), absl::string_view::npos);
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ParseAddress(absl::StrCat("a.b/", std::string(2000, 'x'))).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseAddress(absl::StrCat("a.b/c@v", std::string(300, '1'))).status()));
}

TEST(CandidateModulesTest, LongestFirst) {
  EXPECT_THAT(CandidateModules("filippo.io/age/cmd/age"),
              ElementsAre("filippo.io/age/cmd/age", "filippo.io/age/cmd", "filippo.io/age", "filippo.io"));
  EXPECT_THAT(CandidateModules("example.com/m/v1/x"),
              ElementsAre("example.com/m/v1/x", "example.com/m", "example.com"));
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
