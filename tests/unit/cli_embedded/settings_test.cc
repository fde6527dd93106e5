#include "cli/embedded/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "absl/strings/match.h"
#include "cli/embedded/kept_settings.h"
#include "cli/embedded/postgres.h"
#include "common/base/text.h"
#include "common/config/table.h"
#include "common/io/files.h"

namespace gofarm::embedded {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Environment From(const std::map<std::string, std::string>& values) {
  return [values](const char* name) -> std::optional<std::string> {
    const auto it = values.find(name);
    return it == values.end() ? std::nullopt : std::optional(it->second);
  };
}

TEST(GoProxyTest, TheFarmKeepsWhatItsPartsUnderstand) {
  EXPECT_EQ(FarmProxies("https://a.test,direct|file:///p").value(), "https://a.test,file:///p");
  EXPECT_EQ(FarmProxies("off").value(), "off");
}

TEST(GoProxyTest, WhatNamesNoProxyIsRefusedWithWhatToDo) {
  for (const char* value : {"direct", "", "word"}) {
    const absl::Status status = FarmProxies(value).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_THAT(std::string(status.message()), HasSubstr("set GOPROXY"));
  }
}

TEST(GoSettingsTest, ACompleteEnvironmentAsksNoGo) {
  const absl::StatusOr<GoSettings> go = FindGoSettings(
      Scope::For(absl::Seconds(5)),
      From({{"GOPROXY", "file:///p,direct"}, {"GOSUMDB", "off"}, {"GONOSUMDB", ""}, {"GOPRIVATE", "a.test/*"}}),
      "/no/such/worker", "/no/such/cache");
  ASSERT_TRUE(go.ok()) << go.status();
  EXPECT_EQ(go->goproxy, "file:///p");
  EXPECT_EQ(go->gosumdb, "off");
  EXPECT_EQ(go->gonosumdb, "");
  EXPECT_EQ(go->goprivate, "a.test/*");
}

TEST(SettingsTest, WorkersOfOneMachineShareIt) {
  const int64_t gib = int64_t{1} << 30;
  EXPECT_EQ(ShareOfWorker(1, 8, 64 * gib).slots, 0);
  EXPECT_EQ(ShareOfWorker(2, 8, 64 * gib).slots, 4);
  EXPECT_EQ(ShareOfWorker(2, 8, 13 * gib).slots, 1);
  for (const int workers : {2, 3, 5}) {
    const WorkerShare share = ShareOfWorker(workers, 4, 16 * gib);
    EXPECT_GE(share.slots, 1);
    EXPECT_LE(share.slots * workers * share.memory_bytes_per_slot, 14 * gib);
  }
}

TEST(SettingsTest, EachWorkerServesItsMetricsAtAPortOfItsOwn) {
  EXPECT_EQ(WorkerHttp("127.0.0.1:7072", 1), "127.0.0.1:7072");
  EXPECT_EQ(WorkerHttp("127.0.0.1:7072", 3), "127.0.0.1:7074");
  EXPECT_EQ(WorkerHttp("[::1]:7072", 2), "[::1]:7073");
  EXPECT_EQ(WorkerHttp("127.0.0.1:0", 2), "127.0.0.1:0") << "any port is another one each time";
  for (const char* const none : {"", "7072", "host:", "host:http", "host:-7"}) EXPECT_EQ(WorkerHttp(none, 2), none);
}

TEST(SettingsTest, TomlTextsAreEscaped) { EXPECT_EQ(TomlString("a\"b\\c\nd"), "\"a\\\"b\\\\c\\u000Ad\""); }

TEST(SettingsTest, WhatWasDecidedIsKept) {
  std::string pattern = Cat(::testing::TempDir(), "/gofarm-settings-XXXXXX");
  const FarmPaths paths{.dir = mkdtemp(pattern.data()), .run = pattern + "/run"};
  EXPECT_FALSE(ReadSettings(paths)->workers);
  ASSERT_TRUE(WriteSettings(paths, {.workers = 0, .cache_dir = "/c", .listen = {"h:1"}, .public_names = {"n"}}).ok());
  const absl::StatusOr<Settings> kept = ReadSettings(paths);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->workers, 0);
  EXPECT_EQ(kept->listen, std::vector<std::string>{"h:1"});
  EXPECT_EQ(kept->public_names, std::vector<std::string>{"n"});
  (void)io::RemoveTree(paths.dir);
}

TEST(SettingsTest, TheConfigurationIsTomlThatHoldsWhatWasDecided) {
  const FarmPaths paths{.dir = "/f \"arm", .run = "/f \"arm/run"};
  const Settings settings{.workers = 2,
                          .cache_dir = "/cache",
                          .http_port = 20123,
                          .listen = {"0.0.0.0:7443"},
                          .public_names = {"farm.example"}};
  const GoSettings go{.goproxy = "file:///p", .gosumdb = "off"};
  config::Table coordinator = config::Table::Parse(CoordinatorToml(paths, settings, go, true), "coordinator.toml");
  EXPECT_EQ(coordinator.StrList("listen", {}),
            (std::vector<std::string>{"unix:/f \"arm/run/coordinator.sock", "0.0.0.0:7443"}));
  EXPECT_EQ(coordinator.StrList("public_names", {}), std::vector<std::string>{"farm.example"});
  EXPECT_EQ(coordinator.Str("http", ""), "127.0.0.1:20123");
  EXPECT_EQ(coordinator.Str("database_url", ""), "postgresql:///gofarm?host=%2Ff%20%22arm%2Frun&user=gofarm");
  EXPECT_EQ(coordinator.Str("data_dir", ""), "/f \"arm/data");
  EXPECT_EQ(coordinator.Str("toolsets", ""), "/f \"arm/toolsets.toml");
  EXPECT_EQ(coordinator.Str("gosumdb", ""), "off") << "for workers of other hosts";
  for (const char* key : {"goproxy", "gonosumdb", "goprivate"}) coordinator.Str(key, "");
  EXPECT_TRUE(coordinator.Sub("publish").Bool("make_keys", false)) << "an embedded farm signs by itself";
  EXPECT_TRUE(coordinator.Finish().ok()) << coordinator.Finish();
  config::Table worker = config::Table::Parse(
      WorkerToml(paths, settings, go, 2, {.slots = 3, .memory_bytes_per_slot = 1 << 30}), "worker-2.toml");
  EXPECT_EQ(worker.Str("name", ""), "worker-2");
  EXPECT_EQ(worker.StrList("coordinators", {}), std::vector<std::string>{"unix:/f \"arm/run/coordinator.sock"});
  EXPECT_EQ(worker.Str("work_dir", ""), "/f \"arm/work/worker-2");
  EXPECT_EQ(worker.Str("cache_dir", ""), "/cache");
  EXPECT_EQ(worker.Int("slots", 0, 0, 10), 3);
  EXPECT_EQ(worker.Bytes("memory_bytes_per_slot", 0, 0, int64_t{1} << 40), 1 << 30);
  for (const char* key : {"goproxy", "gosumdb", "gonosumdb", "goprivate"}) worker.Str(key, "");
  EXPECT_TRUE(worker.Finish().ok()) << worker.Finish();
}

TEST(SettingsTest, WhatIsServedToEverybodyIsKeptUntilItIsTakenBack) {
  std::string pattern = Cat(::testing::TempDir(), "/gofarm-settings-XXXXXX");
  const FarmPaths paths{.dir = mkdtemp(pattern.data()), .run = pattern + "/run"};
  Settings settings{.workers = 1, .cache_dir = "/c", .http_port = 20123};
  EXPECT_TRUE(TakePublic("", "", settings).ok());
  EXPECT_EQ(CoordinatorToml(paths, settings, {}, false).find("public_listen"), std::string::npos);
  ASSERT_TRUE(TakePublic("127.0.0.1:8080", "https://bins.test", settings).ok());
  ASSERT_TRUE(WriteSettings(paths, settings).ok());
  Settings kept = ReadSettings(paths).value();
  EXPECT_EQ(kept.public_listen, "127.0.0.1:8080");
  EXPECT_EQ(kept.public_url, "https://bins.test");
  const std::string toml = CoordinatorToml(paths, kept, {}, false);
  config::Table table = config::Table::Parse(toml, "coordinator.toml");
  config::Table publish = table.Sub("publish");
  EXPECT_TRUE(publish.Bool("make_keys", false));
  EXPECT_EQ(publish.Str("public_listen", ""), "127.0.0.1:8080");
  EXPECT_EQ(publish.Str("public_url", ""), "https://bins.test");
  EXPECT_TRUE(TakePublic("", "", kept).ok());
  EXPECT_EQ(kept.public_listen, "127.0.0.1:8080") << "an `up` that says nothing of it";
  EXPECT_TRUE(TakePublic("none", "", kept).ok());
  EXPECT_EQ(kept.public_listen + kept.public_url, "");
  EXPECT_TRUE(TakePublic("", "https://behind.test", kept).ok()) << "a proxy before the loopback address";
  EXPECT_TRUE(TakePublic("none", "https://stays.test", kept).ok());
  EXPECT_EQ(kept.public_url, "https://stays.test");
  EXPECT_TRUE(TakePublic("", "none", kept).ok());
  EXPECT_EQ(kept.public_url, "");
  (void)io::RemoveTree(paths.dir);
}

TEST(SettingsTest, NobodyIsServedUnderAnAddressThatIsNone) {
  for (const auto& [listen, url] : std::vector<std::pair<std::string, std::string>>{{"127.0.0.1:8080", ""},
                                                                                    {"8080", "https://b.test"},
                                                                                    {"unix:/s", "https://b.test"},
                                                                                    {"127.0.0.1:x", "https://b.test"},
                                                                                    {"", "b.test"},
                                                                                    {"", "file:///b"},
                                                                                    {"", "https://b.test/\"x\n"}}) {
    Settings settings;
    const absl::Status status = TakePublic(listen, url, settings);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << listen << " " << url << " " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--public-"));
  }
}

TEST(SettingsTest, AFarmThatIsUpKeepsItsProxiesAndSaysWhatItPassesOver) {
  char pattern[] = "/tmp/gofarm-settings-XXXXXX";
  const FarmPaths paths = PathsFor(mkdtemp(pattern));
  ASSERT_TRUE(KeptGoSettings(paths).ok());
  EXPECT_EQ(KeptGoSettings(paths)->goproxy, "");
  const GoSettings go{.goproxy = "file:///p", .gosumdb = "off", .goprivate = "a.test/*"};
  ASSERT_TRUE(io::WriteFileAtomic(paths.WorkerConfig(1), WorkerToml(paths, {.workers = 1}, go, 1, {})).ok());
  ASSERT_TRUE(KeptGoSettings(paths).ok()) << KeptGoSettings(paths).status();
  const GoSettings kept = *KeptGoSettings(paths);
  EXPECT_EQ(kept.goproxy, "file:///p");
  EXPECT_EQ(kept.gosumdb, "off");
  EXPECT_EQ(kept.goprivate, "a.test/*");
  const auto passed_over = [&](const std::map<std::string, std::string>& set) {
    return IgnoredGoSettings(
        [&](const char* name) { return set.count(name) == 0 ? std::nullopt : std::optional(set.at(name)); }, kept);
  };
  EXPECT_THAT(passed_over({{"GOPROXY", "file:///p,direct"}, {"GOSUMDB", "off"}, {"GONOSUMDB", ""}}),
              ::testing::IsEmpty());
  EXPECT_THAT(passed_over({{"GOPROXY", "file:///q"}}),
              ::testing::ElementsAre("the farm keeps its GOPROXY until gofarm down"));
  EXPECT_TRUE(io::RemoveTree(paths.dir).ok());
}

TEST(SettingsTest, KeptProxiesThatCannotBeReadAreAnErrorWithReasonAndWayOut) {
  char pattern[] = "/tmp/gofarm-settings-XXXXXX";
  const FarmPaths paths = PathsFor(mkdtemp(pattern));
  const std::string file = paths.WorkerConfig(1);
  const auto refusal = [&] {
    const absl::StatusOr<GoSettings> kept = KeptGoSettings(paths);
    EXPECT_FALSE(kept.ok());
    EXPECT_THAT(std::string(kept.status().message()), ::testing::AllOf(HasSubstr(file), HasSubstr("gofarm down")));
    return std::string(kept.status().message());
  };
  ASSERT_TRUE(io::WriteFileAtomic(file, "goproxy = \"https://a.test\nname = 3\n").ok());
  EXPECT_THAT(refusal(), HasSubstr(":1"));
  const std::string good =
      WorkerToml(paths, {.workers = 1}, {.goproxy = "file:///p"}, 1, {.slots = 2, .memory_bytes_per_slot = 1});
  ASSERT_TRUE(io::WriteFileAtomic(file, good + "gosumdb_is = \"unknown here\"\n").ok());
  EXPECT_TRUE(KeptGoSettings(paths).ok()) << "other keys are the worker's business";
  ASSERT_TRUE(io::WriteFileAtomic(file, "goproxy = 5\ngosumdb = \"\"\ngonosumdb = \"\"\ngoprivate = \"\"\n").ok());
  EXPECT_THAT(refusal(), HasSubstr("goproxy must be text"));
  ASSERT_TRUE(io::WriteFileAtomic(file, "").ok());
  refusal();
  ASSERT_EQ(unlink(file.c_str()), 0);
  ASSERT_TRUE(io::MakeFolders(file).ok());
  refusal();
  EXPECT_TRUE(io::RemoveTree(paths.dir).ok());
}

TEST(SettingsTest, APortIsChosenBelowTheEphemeralRangeAndIsFree) {
  const absl::StatusOr<int> port = ChooseHttpPort("/some/farm");
  ASSERT_TRUE(port.ok());
  EXPECT_GE(*port, 20000);
  EXPECT_LT(*port, 30000);
  EXPECT_TRUE(PortIsFree(*port));
}

TEST(PostgresTest, TheMajorVersionIsRead) {
  EXPECT_EQ(MajorOfVersionText("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), 15);
  EXPECT_EQ(MajorOfVersionText("postgres (PostgreSQL) 18beta1\n"), 18);
  EXPECT_EQ(MajorOfVersionText("postgres: no such thing"), 0);
}

TEST(PostgresTest, ItListensOnThePrivateSocketOnlyAndStaysDurable) {
  const std::string conf = PostgresConf({.dir = "/d", .run = "/d'x/run"});
  EXPECT_THAT(conf, AllOf(HasSubstr("listen_addresses = ''"), HasSubstr("unix_socket_directories = '/d''x/run'"),
                          ::testing::Not(HasSubstr("fsync")), ::testing::Not(HasSubstr("synchronous_commit"))));
}

TEST(KeptSettingsTest, WebhooksStandBeforeAllTablesAndFilesAreAbsolute) {
  std::string pattern = Cat(::testing::TempDir(), "/gofarm-settings-XXXXXX");
  const FarmPaths paths{.dir = mkdtemp(pattern.data()), .run = pattern + "/run"};
  const Environment environment = From({{"GOFARM_WEBHOOK_DISCORD_URL_FILE", "some/url"},
                                        {"GOFARM_WEBHOOK_SECRET_FILE", ""},
                                        {"GOFARM_CATALOG_UPDATES_DELAY", "1h"},
                                        {"GOFARM_CATALOG_GITHUB_TOKEN_FILE", "/t"}});
  const KeptSettings webhooks = FindSettings(WebhookGroup(), environment);
  ASSERT_EQ(webhooks.size(), 1u) << "what is empty is not set";
  const std::string file = webhooks.at("webhook_discord_url_file");
  EXPECT_EQ(file.front(), '/');
  EXPECT_TRUE(absl::EndsWith(file, "/some/url"));
  const KeptSettings catalog = FindSettings(CatalogGroup(), environment);
  EXPECT_EQ(catalog, (KeptSettings{{"updates_delay", "1h"}, {"github_token_file", "/t"}}));
  const std::string toml = Cat(SettingsToml(WebhookGroup(), webhooks), CoordinatorToml(paths, {}, {}, false),
                               SettingsToml(CatalogGroup(), catalog));
  ASSERT_TRUE(io::WriteFileAtomic(paths.CoordinatorConfig(), toml, 0600).ok());
  EXPECT_EQ(ReadKeptSettings(WebhookGroup(), paths).value(), webhooks);
  EXPECT_EQ(ReadKeptSettings(CatalogGroup(), paths).value(), catalog);
  EXPECT_TRUE(IgnoredSettings(WebhookGroup(), environment, webhooks).empty());
  EXPECT_EQ(IgnoredSettings(WebhookGroup(), From({{"GOFARM_WEBHOOK_DISCORD_URL_FILE", "/other"}}), webhooks),
            std::vector<std::string>{"the farm keeps its GOFARM_WEBHOOK_DISCORD_URL_FILE until gofarm down"});
  ASSERT_TRUE(io::WriteFileAtomic(paths.CoordinatorConfig(), "listen = [", 0600).ok());
  EXPECT_EQ(ReadKeptSettings(WebhookGroup(), paths).status().code(), absl::StatusCode::kFailedPrecondition);
  (void)io::RemoveTree(paths.dir);
  EXPECT_TRUE(ReadKeptSettings(WebhookGroup(), paths).value().empty());
}

TEST(KeptSettingsTest, AnAddressWhereAFileIsNamedIsRefusedAndNotRepeated) {
  for (const char* variable : {"GOFARM_WEBHOOK_DISCORD_URL_FILE", "GOFARM_WEBHOOK_URL_FILE"}) {
    const absl::Status status =
        CheckSettings(WebhookGroup(), From({{variable, "https://discord.test/api/webhooks/7/sEcReT"}}));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << variable;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(Cat(variable, " names a file")), ::testing::Not(HasSubstr("sEcReT"))));
  }
  EXPECT_TRUE(CheckSettings(WebhookGroup(), From({{"GOFARM_WEBHOOK_URL_FILE", "some/url"}})).ok());
  EXPECT_TRUE(CheckSettings(CatalogGroup(), From({{"GOFARM_CATALOG_INDEX_URL", "https://index.test"}})).ok());
}

}  // namespace
}  // namespace gofarm::embedded
