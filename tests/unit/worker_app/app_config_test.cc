#include "worker/app_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

#include "common/base/text.h"
#include "common/vocab/worker_report.h"

namespace gofarm::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class WorkerConfigTest : public testing::Test {
 protected:
  WorkerConfigTest() {
    for (const char* name :
         {"GOFARM_WORKER_NAME", "GOFARM_WORKER_COORDINATORS", "GOFARM_WORKER_CACHE_DIR", "GOFARM_WORKER_WORK_DIR",
          "GOFARM_WORKER_GOPROXY", "GOFARM_WORKER_LOG_LEVEL", "GOFARM_WORKER_DRAIN_TIMEOUT", "GOFARM_WORKER_LABELS",
          "GOFARM_WORKER_HTTP", "GOFARM_JOIN"}) {
      ::unsetenv(name);
    }
  }
  ~WorkerConfigTest() override { ::unlink(path_.c_str()); }
  Flags FileOf(std::string_view text) {
    std::ofstream(path_) << text;
    Flags flags;
    flags.config = path_;
    return flags;
  }

  const std::string path_ = Cat(testing::TempDir(), "/worker_config_", ::getpid(), ".toml");
};

TEST_F(WorkerConfigTest, ReadsTheWholeFile) {
  const auto config =
      LoadAppConfig(FileOf("name = \"w-1\"\ncoordinators = [\"unix:/run/y\", \"unix:/run/x\"]\n"
                           "cache_dir = \"/c/\"\nwork_dir = \"/w\"\nslots = 3\nmemory_bytes_per_slot = \"2 GiB\"\n"
                           "targets = [\"riscv64\", \"x86_64\", \"riscv64\"]\ngoproxy = \"file:///p\"\n"
                           "module_cache_bytes = \"1 GiB\"\nsmoke = \"native\"\n"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->name, "w-1");
  EXPECT_THAT(config->coordinators, ElementsAre("unix:/run/y", "unix:/run/x"));
  EXPECT_EQ(config->cache_dir, "/c");
  EXPECT_EQ(config->slots, 3);
  EXPECT_EQ(config->memory_bytes_per_slot, int64_t{2} << 30);
  EXPECT_THAT(config->targets, ElementsAre(Target::kRiscv64, Target::kX86_64));
  EXPECT_EQ(goproxy::ToText(config->proxy.goproxy), "file:///p");
  EXPECT_EQ(config->module_cache_bytes, int64_t{1} << 30);
  EXPECT_EQ(config->smoke, build::SmokeMode::kNative);
}

TEST_F(WorkerConfigTest, FlagsCountMoreThanTheEnvironmentAndThatMoreThanTheFile) {
  ::setenv("GOFARM_WORKER_NAME", "of-environment", 1);
  ::setenv("GOFARM_WORKER_CACHE_DIR", "/environment", 1);
  Flags flags =
      FileOf("name = \"of-file\"\ncoordinators = [\"unix:/run/x\"]\ncache_dir = \"/file\"\nwork_dir = \"/w\"\n");
  flags.cache_dir = "/flag";
  const auto config = LoadAppConfig(flags);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->name, "of-environment");
  EXPECT_EQ(config->cache_dir, "/flag");
}

TEST_F(WorkerConfigTest, HowLongBuildsMayGoOnAfterSigterm) {
  const std::string file = "coordinators = [\"127.0.0.1:1\"]\ncache_dir = \"/c\"\nwork_dir = \"/w\"\n";
  EXPECT_EQ(LoadAppConfig(FileOf(file)).value().drain_timeout, absl::Seconds(30));
  Flags flags = FileOf(file + "drain_timeout = \"10m\"\n");
  EXPECT_EQ(LoadAppConfig(flags).value().drain_timeout, absl::Minutes(10));
  ::setenv("GOFARM_WORKER_DRAIN_TIMEOUT", "5m", 1);
  EXPECT_EQ(LoadAppConfig(flags).value().drain_timeout, absl::Minutes(5));
  flags.drain_timeout = "0s";
  EXPECT_EQ(LoadAppConfig(flags).value().drain_timeout, absl::ZeroDuration());
  for (const char* wrong : {"-1s", "soon", "25h", "inf"}) {
    flags.drain_timeout = wrong;
    EXPECT_THAT(std::string(LoadAppConfig(flags).status().message()), HasSubstr("drain_timeout")) << wrong;
  }
}

TEST_F(WorkerConfigTest, LabelsOfFlagsCountMoreThanThoseOfTheEnvironmentAndThoseOfTheFile) {
  const std::string file = "coordinators = [\"127.0.0.1:1\"]\ncache_dir = \"/c\"\nwork_dir = \"/w\"\n[labels]\n";
  Flags flags = FileOf(file + "zone = \"a\"\nrack = \"7\"\ndisk = \"slow\"\n");
  ::setenv("GOFARM_WORKER_LABELS", "zone=b,disk=fast", 1);
  flags.labels = {"zone=c"};
  const auto config = LoadAppConfig(flags);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->labels, (Labels{{"zone", "c"}, {"rack", "7"}, {"disk", "fast"}}));
  flags.labels = {"zone"};
  EXPECT_THAT(std::string(LoadAppConfig(flags).status().message()), HasSubstr("KEY=VALUE"));
  flags.labels.clear();
  ::unsetenv("GOFARM_WORKER_LABELS");
  flags = FileOf(file + "\"no spaces\" = \"x\"\n");
  EXPECT_THAT(std::string(LoadAppConfig(flags).status().message()), HasSubstr("label no spaces=x"));
}

TEST_F(WorkerConfigTest, AnEmbeddedFarmsFolderGivesTheFolders) {
  Flags flags = FileOf("name = \"worker-2\"\ncoordinators = [\"unix:/run/x\"]\n");
  flags.dir = "/farm";
  const auto config = LoadAppConfig(flags);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cache_dir, "/farm/cache");
  EXPECT_EQ(config->work_dir, "/farm/work/worker-2");
}

TEST_F(WorkerConfigTest, AWorkerOfAnotherHostNeedsAFolderForWhoItIsAndNothingElse) {
  const std::string join = pki::Encode(
      {.addresses = {"farm.example:7443"}, .authority_sha256 = std::string(64, 'a'), .secret = std::string(22, 's')});
  Flags flags;
  flags.dir = "/srv/w";
  flags.name = "far";
  flags.join = join;
  auto config = LoadAppConfig(flags);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->identity_dir, "/srv/w/identity");
  EXPECT_EQ(config->cache_dir, "/srv/w/cache");
  EXPECT_EQ(config->work_dir, "/srv/w/work/far");
  EXPECT_TRUE(config->named);
  EXPECT_THAT(config->join->addresses, ElementsAre("farm.example:7443"));

  // It has joined before; addresses of the file take the place of the identity's.
  flags = FileOf("coordinators = [\"farm2.example:7443\"]\ncache_dir = \"/c\"\nwork_dir = \"/w\"\n");
  flags.dir = "/srv/w";
  config = LoadAppConfig(flags);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->named);
  EXPECT_FALSE(config->join);
  EXPECT_THAT(config->coordinators, ElementsAre("farm2.example:7443"));

  ::setenv("XDG_STATE_HOME", "/state", 1);
  config = LoadAppConfig(Flags{});
  ::unsetenv("XDG_STATE_HOME");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->identity_dir,
            ::geteuid() == 0 ? "/var/lib/gofarm-worker/identity" : "/state/gofarm-worker/identity");
}

TEST_F(WorkerConfigTest, TheJoinStringComesFromTheFlagTheEnvironmentOrAFile) {
  const auto join_for = [](const std::string& host) {
    return pki::Encode(
        {.addresses = {host + ":1"}, .authority_sha256 = std::string(64, 'a'), .secret = std::string(22, 's')});
  };
  const std::string file = path_ + ".join";
  std::ofstream(file) << join_for("file") << "\n";
  Flags flags = FileOf(Cat("join_file = \"", file, "\"\n"));
  flags.dir = "/srv/w";
  EXPECT_THAT(LoadAppConfig(flags)->join->addresses, ElementsAre("file:1"));
  ::setenv("GOFARM_JOIN", join_for("environment").c_str(), 1);
  EXPECT_THAT(LoadAppConfig(flags)->join->addresses, ElementsAre("environment:1"));
  flags.join = join_for("flag");
  EXPECT_THAT(LoadAppConfig(flags)->join->addresses, ElementsAre("flag:1"));
  flags.join = "@" + file;
  EXPECT_THAT(LoadAppConfig(flags)->join->addresses, ElementsAre("file:1"));
  ::unsetenv("GOFARM_JOIN");
  // Whoever has joined may remove the file that the configuration names, not one that a flag names.
  ::unlink(file.c_str());
  EXPECT_FALSE(LoadAppConfig(flags).ok());
  flags.join.clear();
  EXPECT_FALSE(LoadAppConfig(flags)->join);
  // What is wrong with it is said without a word of it.
  flags.join = "gofarm1.x.y.verysecret";
  const std::string fault(LoadAppConfig(flags).status().message());
  EXPECT_THAT(fault, HasSubstr("join"));
  EXPECT_THAT(fault, Not(HasSubstr("verysecret")));
}

TEST_F(WorkerConfigTest, ASocketAndAPortAreTwoWays) {
  Flags flags =
      FileOf("coordinators = [\"unix:/run/x\", \"farm.example:7443\"]\ncache_dir = \"/c\"\nwork_dir = \"/w\"\n");
  EXPECT_THAT(std::string(LoadAppConfig(flags).status().message()), HasSubstr("sockets and ports"));
  flags = FileOf("coordinators = [\"unix:/run/x\"]\ncache_dir = \"/c\"\nwork_dir = \"/w\"\n");
  flags.join = "-";
  EXPECT_THAT(std::string(LoadAppConfig(flags).status().message()), HasSubstr("needs no join string"));
}

TEST_F(WorkerConfigTest, AllFaultsComeAtOnceWithTheirLines) {
  const auto config =
      LoadAppConfig(FileOf("name = \"no spaces\"\ncoordinators = [\"unix:relative\"]\ncache_dir = \"relative\"\n"
                           "targets = [\"sparc\"]\nslots = 0\nslotz = 4\nlog_level = \"loud\"\n"
                           "smoke = \"sometimes\"\n"));
  ASSERT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(config.status().message());
  for (const char* part : {":1: ", ":2: ", "unix socket", ":3: ", "absolute", ":4: ", "sparc", ":5: ", ":6: ", "slotz",
                           ":7: ", ":8: ", "sometimes", "work_dir"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
}

TEST_F(WorkerConfigTest, AProxyThatGoCannotUseIsAFaultHereAndNotOfEachJob) {
  const auto fault_of = [&](const std::string& goproxy) {
    const auto config = LoadAppConfig(FileOf(
        Cat("coordinators = [\"unix:/run/x\"]\ncache_dir = \"/c\"\nwork_dir = \"/w\"\ngoproxy = \"", goproxy, "\"\n")));
    return std::string(config.status().message());
  };
  for (const char* good :
       {"", "off", "https://a.example,direct", "http://a.example|file:///p", " https://a.example , off", "b.example"}) {
    EXPECT_EQ(fault_of(good), "") << good;
  }
  EXPECT_THAT(fault_of("https://a.example,word"), HasSubstr("\"word\" is no http, https or file URL"));
  EXPECT_THAT(fault_of("file://p"), HasSubstr(":4: "));
  EXPECT_THAT(fault_of("direct"), HasSubstr("names no proxy"));
}

// Folders of the work folder are cleared at every start.
TEST_F(WorkerConfigTest, ItsOwnMetricsAreOffPlainHereAndOverTlsForOthers) {
  const std::string base = "coordinators = [\"unix:/x\"]\ncache_dir = \"/c\"\nwork_dir = \"/w\"\n";
  auto config = LoadAppConfig(FileOf(base));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->metrics.address, "");

  Flags flags = FileOf(base + "http = \"127.0.0.1:7072\"\n");
  EXPECT_EQ(LoadAppConfig(flags)->metrics.address, "127.0.0.1:7072");
  ::setenv("GOFARM_WORKER_HTTP", "127.0.0.1:7073", 1);
  EXPECT_EQ(LoadAppConfig(flags)->metrics.address, "127.0.0.1:7073");
  flags.http = "[::1]:7074";
  EXPECT_EQ(LoadAppConfig(flags)->metrics.address, "[::1]:7074");
  ::unsetenv("GOFARM_WORKER_HTTP");

  const std::string tls = "http = \"0.0.0.0:7072\"\nhttp_certificate = \"/cert\"\nhttp_key = \"/key\"\n";
  config = LoadAppConfig(FileOf(base + tls + "http_token_file = \"/t\"\nscrape_address = \"w.example.com:7072\"\n"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->metrics.certificate, "/cert");
  EXPECT_EQ(config->metrics.token_file, "/t");
  EXPECT_EQ(config->scrape_address, "w.example.com:7072");
}

TEST_F(WorkerConfigTest, AnAddressThatOthersWouldReadInThePlainIsAFault) {
  const std::string base = "coordinators = [\"unix:/x\"]\ncache_dir = \"/c\"\nwork_dir = \"/w\"\n";
  const std::pair<const char*, const char*> faults[] = {
      {"http = \"0.0.0.0:7072\"\n", "reaches beyond this machine"},
      {"http = \"here\"\n", "is no address"},
      {"http = \"127.0.0.1:7072\"\nhttp_key = \"/key\"\n", "belong together"},
      {"scrape_address = \"w.example.com:7072\"\n", "set http"},
      {"http = \"127.0.0.1:7072\"\nscrape_address = \"w.example.com\"\n", "scrape_address"},
  };
  for (const auto& [text, says] : faults) {
    const auto config = LoadAppConfig(FileOf(base + text));
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(says)) << text;
  }
  const auto config = LoadAppConfig(FileOf(
      Cat(base, "http = \"127.0.0.1:7072\"\nscrape_address = \"", std::string(kScrapeAddressMax, 'h'), ":1\"\n")));
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("more than 200 bytes"));
}

TEST_F(WorkerConfigTest, TheCacheDoesNotLieInTheWorkFolder) {
  const auto fault_of = [&](const std::string& cache, const std::string& work) {
    const auto config = LoadAppConfig(
        FileOf(Cat("coordinators = [\"unix:/run/x\"]\ncache_dir = \"", cache, "\"\nwork_dir = \"", work, "\"\n")));
    return std::string(config.status().message());
  };
  EXPECT_EQ(fault_of("/srv/cache", "/srv/cache-work"), "");
  EXPECT_EQ(fault_of("/srv", "/srv/work"), "");
  EXPECT_THAT(fault_of("/srv/work/fetch", "/srv/work/"), HasSubstr("cache_dir"));
  EXPECT_THAT(fault_of("/srv", "/srv"), HasSubstr("a folder of its own"));
}

TEST(DefaultSlotsTest, FollowCoresAndMemory) {
  constexpr int64_t kGib = int64_t{1} << 30;
  EXPECT_EQ(DefaultSlots(8, 64 * kGib), 8);
  EXPECT_EQ(DefaultSlots(8, 13 * kGib), 2);
  EXPECT_EQ(DefaultSlots(2, 4 * kGib), 1);
  EXPECT_EQ(DefaultMemoryPerSlot(2, 64 * kGib), kMemoryPerSlot);
  EXPECT_EQ(DefaultMemoryPerSlot(1, 4 * kGib), 4 * kGib / 8 * 7);
}

}  // namespace
}  // namespace gofarm::worker
