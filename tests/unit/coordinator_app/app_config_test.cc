// The configuration is checked whole: every fault in one answer, with its line, before anything is opened.
#include "coordinator/app_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "common/base/text.h"
#include "common/http/http_server.h"
#include "common/io/files.h"

namespace gofarm::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class AppConfigTest : public ::testing::Test {
 protected:
  AppConfigTest() {
    char name[] = "/tmp/gofarm-config-XXXXXX";
    dir_ = ::mkdtemp(name);
    for (const char* variable :
         {"GOFARM_COORDINATOR_LISTEN", "GOFARM_COORDINATOR_HTTP", "GOFARM_COORDINATOR_DATABASE_URL",
          "GOFARM_COORDINATOR_DATA_DIR", "GOFARM_COORDINATOR_GOPROXY", "GOFARM_COORDINATOR_LOG_LEVEL", "GOPROXY",
          "GOSUMDB", "GONOSUMDB", "GOPRIVATE"}) {
      ::unsetenv(variable);
    }
  }
  ~AppConfigTest() override { EXPECT_TRUE(io::RemoveTree(dir_).ok()); }
  Flags File(const std::string& text) {
    const std::string path = Cat(dir_, "/c.toml");
    std::ofstream(path) << text;
    return {.config = path};
  }
  static std::string Faults(const Flags& flags) {
    const auto config = LoadAppConfig(flags);
    EXPECT_FALSE(config.ok());
    return std::string(config.status().message());
  }
  std::string dir_;
};

constexpr char kGood[] = "database_url = \"postgresql:///x\"\ndata_dir = \"/var/lib/x\"\n";

TEST_F(AppConfigTest, SmallFileIsEnough) {
  const auto config = LoadAppConfig(File(kGood));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->listen, ElementsAre("unix:/run/gofarm/coordinator.sock"));
  EXPECT_EQ(config->http, "127.0.0.1:7071");
  EXPECT_EQ(config->data_dir, "/var/lib/x");
  ASSERT_FALSE(config->toolsets.empty()) << "the binary carries the pins";
  EXPECT_EQ(config->default_toolset.name, config->toolsets.front().name);
  EXPECT_EQ(config->default_toolset.digest.size(), 64u);
}

TEST_F(AppConfigTest, AllFaultsComeAtOnceWithTheirLines) {
  EXPECT_THAT(Faults(File("no_such_key = 1\n"
                          "listen = \"0.0.0.0:7070\"\n"
                          "http = \"example.org:80\"\n"
                          "wall_seconds = -5\n"
                          "default_toolset = \"nope\"\n")),
              AllOf(HasSubstr(":1: unknown key no_such_key"), HasSubstr(":2: listen"), HasSubstr("public_names"),
                    HasSubstr(":3: http"), HasSubstr(":4: wall_seconds"), HasSubstr(":5: default_toolset"),
                    HasSubstr("database_url"), HasSubstr("data_dir")));
}

TEST_F(AppConfigTest, AProxyThatGoCannotUseIsAFault) {
  EXPECT_THAT(Faults(File(Cat(kGood, "goproxy = \"https://a.test,word\"\n"))),
              AllOf(HasSubstr(":3: goproxy"), HasSubstr("\"word\" is no http, https or file URL")));
  const auto config = LoadAppConfig(File(Cat(kGood, "goproxy = \"a.test,direct\"\n")));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(goproxy::ToText(config->goproxy), "https://a.test,direct");
}

TEST_F(AppConfigTest, WorkersAreGivenWhatIsConfiguredElseWhatTheEnvironmentSays) {
  ::setenv("GOPROXY", "https://environment.test,direct", 1);
  ::setenv("GOSUMDB", "sum.environment.test", 1);
  auto config = LoadAppConfig(File(kGood));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(
      config->go,
      (goproxy::Settings{
          .goproxy = "https://environment.test", .gosumdb = "sum.environment.test", .gonosumdb = "", .goprivate = ""}));
  config =
      LoadAppConfig(File(Cat(kGood, "goproxy = \"a.test,direct\"\ngonosumdb = \"x.test\"\ngoprivate = \"p.test\"\n")));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->go, (goproxy::Settings{
                            .goproxy = "https://a.test", .gosumdb = "", .gonosumdb = "x.test", .goprivate = "p.test"}))
      << "who configures proxies does not look at the environment";
  ::unsetenv("GOPROXY");
  ::unsetenv("GOSUMDB");
  config = LoadAppConfig(File(kGood));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->go, goproxy::Settings{}) << "nothing is made up";
  EXPECT_THAT(Faults(File(Cat(kGood, "gosumdb = \"a\\nb\"\n"))), HasSubstr("gosumdb is no single line"));
}

TEST_F(AppConfigTest, AFirstGoForWorkersComesWithTheProgramAlsoBesideAFileOfToolsets) {
  const size_t built_in = LoadAppConfig(File(kGood))->bootstrap.size();
  EXPECT_GT(built_in, 0u);
  const std::string path = Cat(dir_, "/toolsets.toml");
  const auto archive = [](const char* table, const char* kind) {
    return Cat("[[", table, "]]\nkind = \"", kind, "\"\nversion = \"1.2.3\"\nhost_arch = \"riscv64\"\n",
               "source = \"folder\"\nlocator = \"/x\"\nsha256 = \"", std::string(64, 'a'), "\"\n");
  };
  std::ofstream(path) << "[[toolset]]\nname = \"t\"\ngo_versions = [\"1.2.3\"]\nzig_version = \"1.2.3\"\n"
                      << archive("toolset.archive", "go") << archive("toolset.archive", "zig")
                      << archive("bootstrap", "go");
  const auto config = LoadAppConfig(File(Cat(kGood, "toolsets = \"", path, "\"\n")));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->bootstrap.size(), built_in + 1);
}

TEST_F(AppConfigTest, APortForAllAddressesNeedsANameThatOthersCanDial) {
  const std::string faults = Faults({.config = "/dev/null", .listen = "0.0.0.0:0"});
  EXPECT_THAT(faults, AllOf(HasSubstr("--listen"), HasSubstr("public_names"), HasSubstr("database_url: is missing")));
  EXPECT_THAT(Faults(File(Cat(kGood, "listen = \"[::]:7443\"\n"))), HasSubstr("every address of this machine"));
  EXPECT_THAT(Faults(File(Cat(kGood, "public_names = [\"a b\"]\n"))), HasSubstr("neither a host name nor an address"));
  const auto named = LoadAppConfig(
      File(Cat(kGood, "listen = [\"unix:/run/x\", \"0.0.0.0:7443\"]\npublic_names = [\"farm.example\"]\n")));
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_THAT(named->listen, ElementsAre("unix:/run/x", "0.0.0.0:7443"));
  EXPECT_THAT(named->public_names, ElementsAre("farm.example"));
}

TEST_F(AppConfigTest, FlagBeatsEnvironmentAndEnvironmentBeatsFile) {
  Flags flags = File(Cat("listen = \"127.0.0.1:1\"\n", kGood));
  EXPECT_THAT(LoadAppConfig(flags)->listen, ElementsAre("127.0.0.1:1"));
  ::setenv("GOFARM_COORDINATOR_LISTEN", "127.0.0.1:2", 1);
  EXPECT_THAT(LoadAppConfig(flags)->listen, ElementsAre("127.0.0.1:2"));
  flags.listen = "127.0.0.1:3";
  EXPECT_THAT(LoadAppConfig(flags)->listen, ElementsAre("127.0.0.1:3"));
  ::setenv("GOFARM_COORDINATOR_LISTEN", "0.0.0.0:2", 1);
  flags.listen.clear();
  EXPECT_THAT(Faults(flags), HasSubstr("GOFARM_COORDINATOR_LISTEN"));
  ::unsetenv("GOFARM_COORDINATOR_LISTEN");
}

TEST_F(AppConfigTest, FolderOfAnEmbeddedFarmGivesTheDataFolder) {
  Flags flags = File("database_url = \"postgresql:///x\"\n");
  flags.dir = "/farm";
  EXPECT_EQ(LoadAppConfig(flags)->data_dir, "/farm/data");
}

TEST_F(AppConfigTest, FaultsOfTheToolsetFileAreNamed) {
  const std::string path = Cat(dir_, "/toolsets.toml");
  std::ofstream(path)
      << "[[toolset]]\nname = \"t\"\ngo_versions = [\"1.26.8\"]\nzig_version = \"0.15.2\"\nflavour = 1\n";
  EXPECT_THAT(Faults(File(Cat(kGood, "toolsets = \"", path, "\"\n"))),
              AllOf(HasSubstr("toolsets.toml"), HasSubstr("flavour"), Not(HasSubstr("default_toolset"))));
  EXPECT_THAT(Faults(File(Cat(kGood, "toolsets = \"/nowhere.toml\"\n"))), HasSubstr("/nowhere.toml"));
}

TEST_F(AppConfigTest, LimitsAreRead) {
  const auto config = LoadAppConfig(
      File(Cat(kGood, "wall_seconds = 90\nmemory_bytes = \"2 GiB\"\nlog_bytes_max = \"1 MiB\"\nprocesses = 64\n")));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->limits.wall, absl::Seconds(90));
  EXPECT_EQ(config->limits.memory_bytes, int64_t{2} << 30);
  EXPECT_EQ(config->limits.log_bytes, 1 << 20);
  EXPECT_EQ(config->limits.processes, 64);
}

TEST_F(AppConfigTest, WhatIsPublishedIsServedToEverybodyByAListenerOfItsOwn) {
  auto config = LoadAppConfig(File(kGood));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->publish.public_listen, "") << "not unless it is asked for";
  EXPECT_EQ(config->publish.public_connections, http::kPublicLimits.connections);
  config = LoadAppConfig(File(Cat(kGood,
                                  "[publish]\npublic_listen = \"0.0.0.0:8080\"\npublic_url = \"https://b.test/\"\n"
                                  "public_certificate = \"/c\"\npublic_key = \"/k\"\npublic_connections = 100\n"
                                  "public_connections_per_address = 0\n")));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->publish.public_listen, "0.0.0.0:8080");
  EXPECT_EQ(config->publish.public_url, "https://b.test");
  EXPECT_EQ(config->publish.public_certificate, "/c");
  EXPECT_EQ(config->publish.public_key, "/k");
  EXPECT_EQ(config->publish.public_connections, 100);
  EXPECT_EQ(config->publish.public_connections_per_address, 0);
  EXPECT_THAT(Faults(File(Cat(kGood, "[publish]\npublic_listen = \"b.test:80\"\npublic_key = \"/k\"\n"))),
              AllOf(HasSubstr(":4: publish.public_listen"), HasSubstr("must be an IP address"),
                    HasSubstr("publish.public_url: is missing"), HasSubstr("goes with public_key")));
  EXPECT_THAT(Faults(File(Cat(kGood, "[publish]\npublic_certificate = \"/c\"\npublic_key = \"/k\"\n"))),
              HasSubstr("public_listen, which is missing"));
  EXPECT_THAT(Faults(File(Cat(kGood, "[publish]\npublic_connections = 0\n"))), HasSubstr("public_connections"));
}

TEST_F(AppConfigTest, UnknownLogLevelIsAFault) {
  Flags flags = File(kGood);
  flags.log_level = "loud";
  EXPECT_THAT(Faults(flags), HasSubstr("loud"));
}

}  // namespace
}  // namespace gofarm::coordinator
