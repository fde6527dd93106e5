// A new version of a published module, from its line in the module index to what anybody installs on four targets, with
// nobody asking for it; then its author takes it back and calls the module deprecated. The outside services are
// tests/support/upstream.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/json/writer.h"
#include "tests/e2e/farm_harness.h"
#include "tests/e2e/upstream_services.h"

namespace gofarm::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kModule[] = "fresh.example.org/tool";
constexpr const char* kHosts[] = {"x86_64-Linux", "aarch64-Linux", "riscv64-Linux", "loongarch64-Linux"};

class UpdatesTest : public ::testing::Test {
 protected:
  UpdatesTest()
      : services_("", {"--modules", "20", "--lines", "60", "--eligible", "4", "--calm"}), farm_(1, Environment()) {
    const Json status = farm_.GofarmJson({"status"});
    http_ = Text(status.root(), "http_url");
  }
  std::vector<std::string> Environment() const {
    std::vector<std::string> environment = services_.Environment();
    environment.emplace_back("GOFARM_CATALOG_UPDATES_DELAY=0s");
    return environment;
  }
  void Publish(const std::string& version, const std::string& go_mod = "") {
    // Real words: without a licence that is known nothing is published.
    const absl::StatusOr<std::string> mit =
        io::ReadFile(Cat(std::getenv("GOFARM_SOURCE_DIR"), "/tests/support/mit.txt"), 1 << 20);
    ASSERT_TRUE(mit.ok()) << mit.status();
    JsonWriter json;
    json.BeginObject().Field("path", kModule).Field("version", version).Key("files").BeginObject();
    if (!go_mod.empty()) json.Field("go.mod", go_mod);
    json.Field("main.go",
               Cat("package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"tool ", version, "\") }\n"))
        .Field("LICENSE", *mit)
        .EndObject()
        .EndObject();
    services_.Publish(json.Take());
  }
  std::string Index(const std::string& host) const {
    return RunCommand({"curl", "-sf", Cat(http_, "/index/", host, ".json")}).out;
  }
  // On all four hosts.
  bool Shown(const std::string& version) const {
    return std::all_of(std::begin(kHosts), std::end(kHosts), [&](const char* host) {
      return Index(host).find(Cat("Module: ", kModule, "@", version, "\"")) != std::string::npos;
    });
  }
  bool ShownNowhere(const std::string& version) const {
    return std::all_of(std::begin(kHosts), std::end(kHosts), [&](const char* host) {
      return Index(host).find(Cat("Module: ", kModule, "@", version, "\"")) == std::string::npos;
    });
  }
  std::string Install(const std::string& address) const {
    const std::string home = farm_.scratch() + "/home";
    EXPECT_TRUE(io::MakeFolders(home).ok());
    const std::string script = home + "/install.sh";
    RunCommand({"curl", "-sS", "-o", script, Cat(http_, "/i/", address)});
    const CommandResult done = RunCommand({"sh", script}, {Cat("HOME=", home)});
    return done.exit_code == 0 ? RunCommand({home + "/.local/bin/tool"}).out : done.err;
  }

  Services services_;
  Farm farm_;
  std::string http_;
};

TEST_F(UpdatesTest, FromTheIndexLineToFourTargetsAndBackWhenItsAuthorRetractsIt) {
  Publish("v1.0.0");
  farm_.Watch(farm_.Submit({Cat(kModule, "@v1.0.0")}));
  ASSERT_TRUE(farm_.WaitUntil([&] { return Shown("v1.0.0"); }, absl::Minutes(2)));
  ASSERT_EQ(farm_.Gofarm({"catalog", "run"}).exit_code, 0);

  const absl::Time line = SteadyNow();
  Publish("v1.1.0");
  Publish("v1.2.0-rc.1");
  ASSERT_TRUE(farm_.WaitUntil([&] { return Shown("v1.1.0"); }, absl::Minutes(10)))
      << farm_.Gofarm({"publish", "updates"}).out << farm_.Gofarm({"catalog", "why", kModule}).out;
  RecordProperty("seconds_from_index_line_to_installable", Cat(absl::ToInt64Seconds(SteadyNow() - line)));
  EXPECT_EQ(Install(Cat(kModule, "@v1.0.0")), "tool v1.0.0\n") << "what was published stays";
  EXPECT_EQ(Install(kModule), "tool v1.1.0\n");
  EXPECT_TRUE(ShownNowhere("v1.2.0-rc.1"));
  const Json updates = farm_.GofarmJson({"publish", "updates"});
  ASSERT_EQ(Count(updates.root(), "queued"), 1u);
  EXPECT_EQ(Text(Items(At(updates.root(), "queued"))[0], "version"), "v1.1.0");
  EXPECT_EQ(Number(updates.root(), "used_today"), 1);
  const std::string metrics = RunCommand({"curl", "-sf", Cat(http_, "/metrics")}).out;
  EXPECT_THAT(metrics, HasSubstr("gofarm_publish_budget_left "));
  EXPECT_THAT(metrics, HasSubstr("gofarm_publish_rows{destination_kind=\"index\",state=\"published\"} "));

  Publish("v1.2.0", Cat("// Deprecated: use <b>another</b> tool.\nmodule ", kModule,
                        "\n\ngo 1.21\n\nretract v1.1.0 // loses <i>data</i>\n"));
  ASSERT_TRUE(farm_.WaitUntil([&] { return Shown("v1.2.0") && ShownNowhere("v1.1.0"); }, absl::Minutes(10)))
      << farm_.Gofarm({"publish", "updates"}).out;
  EXPECT_THAT(Index(kHosts[0]),
              HasSubstr("Deprecated by its author: use \\u003cb\\u003eanother\\u003c/b\\u003e tool."));
  const std::string page = RunCommand({"curl", "-sS", Cat(http_, "/p/", kModule)}).out;
  EXPECT_THAT(page, HasSubstr("deprecated"));
  EXPECT_THAT(page, Not(HasSubstr("<b>another</b>")));
  EXPECT_EQ(Install(kModule), "tool v1.2.0\n");
  EXPECT_TRUE(
      farm_.WaitUntil([&] { return Install(Cat(kModule, "@v1.1.0")).find("loses <i>data</i>") != std::string::npos; },
                      absl::Minutes(2)));
  const Json after = farm_.GofarmJson({"publish", "updates"});
  ASSERT_EQ(Count(after.root(), "retracted"), 1u);
  EXPECT_EQ(Text(Items(At(after.root(), "retracted"))[0], "version"), "v1.1.0");

  // A version that takes back itself and what was before it is never built, and the index falls back.
  Publish("v1.3.0", Cat("module ", kModule, "\n\ngo 1.21\n\nretract [v1.1.0, v1.3.0] // all of it\n"));
  ASSERT_TRUE(farm_.WaitUntil([&] { return Shown("v1.0.0"); }, absl::Minutes(5)))
      << farm_.Gofarm({"publish", "updates"}).out;
  EXPECT_EQ(Install(kModule), "tool v1.0.0\n");
  EXPECT_EQ(Count(farm_.GofarmJson({"publish", "updates"}).root(), "queued"), 2u);
}

}  // namespace
}  // namespace gofarm::testing
