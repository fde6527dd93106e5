#include "common/goproxy/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::goproxy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Fault(const Settings& settings) { return std::string(Check(settings).message()); }

TEST(SettingsTest, ValuesOfGoAreFineAndSoIsNone) {
  EXPECT_TRUE(Check({}).ok());
  EXPECT_TRUE(Check({.goproxy = "https://u:p@a.test|file:///m,off",
                     .gosumdb = "sum.example+1234+AbC/d= https://a.test/sumdb/",
                     .gonosumdb = "*.corp.example,x",
                     .goprivate = "corp.example"})
                  .ok());
}

TEST(SettingsTest, WhatIsNoUseIsRefusedByItsNameAndWithoutItsSecrets) {
  EXPECT_THAT(Fault({.goproxy = "direct"}), HasSubstr("goproxy"));
  EXPECT_THAT(Fault({.goproxy = "ftp://u:hush@a.test"}), AllOf(HasSubstr("goproxy"), Not(HasSubstr("hush"))));
  EXPECT_THAT(Fault({.gosumdb = "a\nGOFLAGS=-x"}), HasSubstr("gosumdb is no single line"));
  EXPECT_THAT(Fault({.gonosumdb = std::string("a\0b", 3)}), HasSubstr("gonosumdb"));
  EXPECT_TRUE(Check({.goprivate = std::string(kSettingBytesMax, 'a')}).ok());
  EXPECT_THAT(Fault({.goprivate = std::string(kSettingBytesMax + 1, 'a')}),
              HasSubstr(Cat("goprivate has ", kSettingBytesMax + 1, " bytes, at most ", kSettingBytesMax)));
}

}  // namespace
}  // namespace gofarm::goproxy
