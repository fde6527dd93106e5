#include "worker/fetch/proxy_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "common/base/text.h"

namespace gofarm::fetch {
namespace {

using ::testing::HasSubstr;

goproxy::List List(const std::string& text) { return goproxy::Parse(text).value(); }

ProxySettings::AskGo NoGo() {
  return [](const Scope&) -> absl::StatusOr<ProxyEnvironment> { return absl::FailedPreconditionError("no go here"); };
}

std::string Proxies(const ProxySettings& settings) {
  const absl::StatusOr<ProxyEnvironment> now = settings.Get(Scope{});
  return now.ok() ? goproxy::ToText(now->goproxy) : std::string(now.status().message());
}

TEST(ProxySettingsTest, TheCoordinatorsAreUsedByAWorkerThatHasNone) {
  ProxySettings settings({}, {}, NoGo());
  EXPECT_THAT(Proxies(settings), HasSubstr("no go here"));
  EXPECT_THAT(Proxies(settings), HasSubstr("goproxy in either configuration"));
  settings.Welcomed({.goproxy = List("https://farm.test"), .gosumdb = "off", .goprivate = "corp.test"});
  const auto now = settings.Get(Scope{});
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(goproxy::ToText(now->goproxy), "https://farm.test");
  EXPECT_EQ(now->gosumdb, "off");
  EXPECT_EQ(now->goprivate, "corp.test");
  settings.Welcomed({.goproxy = List("https://moved.test")});
  EXPECT_EQ(Proxies(settings), "https://moved.test") << "the last Welcome counts";
  EXPECT_EQ(settings.Get(Scope{})->gosumdb, "");
}

TEST(ProxySettingsTest, EachValueOfItsOwnConfigurationWins) {
  ProxySettings settings({.goproxy = List("https://own.test"), .goprivate = "own.test"},
                         {.goproxy = List("https://environment.test"), .gonosumdb = "environment.test"}, NoGo());
  settings.Welcomed({.goproxy = List("https://farm.test"), .gosumdb = "off", .goprivate = "corp.test"});
  const auto now = settings.Get(Scope{});
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(goproxy::ToText(now->goproxy), "https://own.test");
  EXPECT_EQ(now->goprivate, "own.test");
  EXPECT_EQ(now->gosumdb, "off") << "it says nothing of that one";
  EXPECT_EQ(now->gonosumdb, "") << "who configures proxies does not look at the environment, as before";
}

TEST(ProxySettingsTest, TheEnvironmentComesBeforeTheCoordinatorAndGoBehindIt) {
  int asked = 0;
  const auto ask_go = [&](const Scope&) -> absl::StatusOr<ProxyEnvironment> {
    ++asked;
    return ProxyEnvironment{List("https://default.test"), "sum.test", "", ""};
  };
  ProxySettings settings({}, {.gosumdb = "environment.test"}, ask_go);
  EXPECT_EQ(Proxies(settings), "https://default.test");
  EXPECT_EQ(Proxies(settings), "https://default.test");
  EXPECT_EQ(asked, 1) << "once it has answered";
  EXPECT_EQ(settings.Get(Scope{})->gosumdb, "environment.test");
  settings.Welcomed({.goproxy = List("https://farm.test"), .gosumdb = "farm.test"});
  EXPECT_EQ(Proxies(settings), "https://farm.test");
  EXPECT_EQ(settings.Get(Scope{})->gosumdb, "environment.test");
  ProxySettings with_proxy({}, {.goproxy = List("https://environment.test")}, NoGo());
  with_proxy.Welcomed({.goproxy = List("https://farm.test")});
  EXPECT_EQ(Proxies(with_proxy), "https://environment.test");
}

TEST(ProxySettingsTest, OfTheProcessOnlyWhatCanBeUsed) {
  setenv("GOPROXY", "direct", 1);
  setenv("GOSUMDB", "off", 1);
  EXPECT_TRUE(ProxyOfProcess().goproxy.empty());
  EXPECT_EQ(ProxyOfProcess().gosumdb, "off");
  setenv("GOPROXY", "https://a.test,direct", 1);
  EXPECT_EQ(goproxy::ToText(ProxyOfProcess().goproxy), "https://a.test");
  unsetenv("GOPROXY");
  unsetenv("GOSUMDB");
}

}  // namespace
}  // namespace gofarm::fetch
