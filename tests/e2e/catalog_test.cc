// From the module index to built programs, by the CLI alone: a farm whose outside services are
// tests/support/upstream.py, with every failure that they know, and whose coordinator is killed on the way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <fstream>
#include <map>
#include <memory>

#include "common/base/text.h"
#include "common/io/files.h"
#include "tests/e2e/farm_harness.h"
#include "tests/e2e/upstream_services.h"

namespace gofarm::testing {
namespace {

// Small enough to be asked for in a minute within the services' budgets, with each kind of module in it.
const std::vector<std::string> kWorld = {"--modules", "900",       "--lines", "9000",   "--eligible",
                                         "220",       "--starred", "2",       "--seed", "5"};

class CatalogTest : public ::testing::Test {
 protected:
  CatalogTest() {
    char pattern[] = "/tmp/gofarm-catalog-XXXXXX";
    folder_ = mkdtemp(pattern);
    std::ofstream(folder_ + "/modules.tsv") << "module\tversion\tx86_64\n"
                                            << "github.com/BurntSushi/toml\tv1.6.0\t3\n"
                                            << "github.com/spf13/pflag\tv1.0.5\t0\n";
    std::ofstream(folder_ + "/token") << kUpstreamToken;
    EXPECT_EQ(chmod((folder_ + "/token").c_str(), 0600), 0);
    services_ = std::make_unique<Services>(folder_ + "/modules.tsv", kWorld);
    std::vector<std::string> environment = services_->Environment();
    environment.push_back(Cat("GOFARM_CATALOG_GITHUB_TOKEN_FILE=", folder_, "/token"));
    farm_ = std::make_unique<Farm>(1, environment);
  }
  ~CatalogTest() override {
    farm_.reset();
    services_.reset();
    EXPECT_TRUE(io::RemoveTree(folder_).ok());
  }

  std::map<std::string, int64_t> Funnel() const {
    const Json funnel = farm_->GofarmJson({"catalog", "funnel"});
    std::map<std::string, int64_t> out;
    for (const simdjson::dom::element step : Items(funnel.root())) out[Text(step, "step")] = Number(step, "count");
    return out;
  }
  int64_t Requests() const {
    const Json stats = services_->Get("stats");
    simdjson::dom::object requests;
    EXPECT_EQ(At(stats.root(), "requests").get(requests), simdjson::SUCCESS);
    int64_t sum = 0;
    for (const auto field : requests) sum += int64_t{field.value};
    return sum;
  }
  std::string Metrics() const {
    const Json status = farm_->GofarmJson({"status"});
    return RunCommand({"curl", "-sf", Text(status.root(), "http_url") + "/metrics"}).out;
  }

  std::string folder_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<Farm> farm_;
};

TEST_F(CatalogTest, FromTheIndexToBuiltProgramsThoughTheCoordinatorIsKilled) {
  for (const int seconds : {1, 3}) {
    farm_->Gofarm({"catalog", "run", "--wait"}, absl::Seconds(seconds));
    const int pid = farm_->CoordinatorPid();
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    ASSERT_TRUE(farm_->WaitUntil([&] { return !IsAlive(pid); }, absl::Seconds(5)));
    ASSERT_TRUE(farm_->WaitUntil([&] { return farm_->Gofarm({"catalog", "stats"}).exit_code == 0; }, absl::Minutes(1)));
  }
  const CommandResult run = farm_->Gofarm({"catalog", "run", "--wait"}, absl::Minutes(8));
  ASSERT_EQ(run.exit_code, 0) << run.err << farm_->Gofarm({"catalog", "status"}).out;

  const Json truth = services_->Get("truth");
  const Json stats = farm_->GofarmJson({"catalog", "stats"});
  EXPECT_EQ(Number(stats.root(), "versions"), Number(truth.root(), "distinct"));
  EXPECT_EQ(Number(stats.root(), "modules"), Number(truth.root(), "modules"));
  EXPECT_GE(Number(stats.root(), "rejected"), 1);
  std::map<std::string, int64_t> funnel = Funnel();
  EXPECT_EQ(funnel["indexed"], Number(truth.root(), "modules"));
  EXPECT_EQ(funnel["eligible"], Number(truth.root(), "eligible"));
  EXPECT_EQ(funnel["programs"], Number(truth.root(), "programs"));
  // A module whose zip never comes is neither absent nor reachable, and one that came back at the second look is.
  EXPECT_EQ(funnel["reachable"], Number(truth.root(), "reachable"));
  for (const simdjson::dom::element path : Items(At(truth.root(), "absent"))) {
    const Json show = farm_->GofarmJson({"catalog", "show", std::string(std::string_view(path))});
    EXPECT_EQ(Text(At(show.root(), "reachability"), "state"), "absent") << simdjson::minify(path);
    break;  // one is enough
  }

  const Json pflag = farm_->GofarmJson({"catalog", "why", "github.com/spf13/pflag"});
  EXPECT_FALSE(bool(At(At(pflag.root(), "decision"), "selected")));
  const Json toml = farm_->GofarmJson({"catalog", "show", "github.com/BurntSushi/toml"});
  EXPECT_EQ(Text(toml.root(), "latest"), "v1.6.0");
  EXPECT_EQ(Count(toml.root(), "programs"), 3u);
  EXPECT_EQ(Text(At(At(toml.root(), "forecast"), "loongarch64"), "verdict"), "buildable");
  EXPECT_EQ(Number(At(toml.root(), "repository"), "stars"), 4900);
  const Json hits = farm_->GofarmJson({"catalog", "search", "toml", "parser"});
  ASSERT_GE(Items(hits.root()).size(), 1u);
  EXPECT_EQ(Text(Items(hits.root())[0], "module"), "github.com/BurntSushi/toml");

  // Every rule of a service was kept, and what is known is not asked for again.
  const Json asked = services_->Get("stats");
  EXPECT_THAT(simdjson::minify(At(asked.root(), "rules_broken")), "[]");
  const int64_t before = Requests();
  ASSERT_EQ(farm_->Gofarm({"catalog", "run", "--wait"}, absl::Minutes(3)).exit_code, 0);
  EXPECT_LE(Requests() - before, 20);

  // Counts of a scrape are some seconds old; scrapes keep them coming.
  std::string metrics;
  EXPECT_TRUE(farm_->WaitUntil(
      [&] {
        metrics = Metrics();
        return metrics.find("gofarm_catalog_backlog{stage=\"detect\"} 0\n") != std::string::npos;
      },
      absl::Minutes(1)));
  EXPECT_THAT(metrics, ::testing::HasSubstr("gofarm_catalog_requests_total{service=\"depsdev\"} "));
  EXPECT_THAT(metrics, ::testing::Not(::testing::HasSubstr("gofarm_catalog_requests_total{service=\"index\"} 0\n")));

  const Json dry = farm_->GofarmJson({"catalog", "select", "--dry-run"});
  EXPECT_EQ(Number(dry.root(), "batch_id"), 0);
  const Json selection = farm_->GofarmJson({"catalog", "select", "--submit", "--name", "auto"});
  EXPECT_EQ(Number(selection.root(), "modules"), Number(dry.root(), "modules"));
  EXPECT_EQ(Number(selection.root(), "modules"), Funnel()["selected"]);
  const int64_t batch = Number(selection.root(), "batch_id");
  ASSERT_GT(batch, 0);
  farm_->Watch(batch);
  const Json jobs = farm_->Jobs(batch);
  std::map<std::string, int> built;
  for (const simdjson::dom::element job : Items(jobs.root())) {
    EXPECT_EQ(Text(job, "state"), "built") << Text(job, "module");
    ++built[Text(job, "module")];
  }
  EXPECT_EQ(built["github.com/BurntSushi/toml"], 4);
  EXPECT_EQ(static_cast<int64_t>(built.size()), Number(selection.root(), "submitted"));
  EXPECT_EQ(built.count("github.com/spf13/pflag"), 0u);
  const Json again = farm_->GofarmJson({"catalog", "select", "--submit"});
  EXPECT_EQ(Number(again.root(), "batch_id"), 0) << "what was built is submitted once";
}

}  // namespace
}  // namespace gofarm::testing
