// What a real farm serves on /metrics: in both forms, as their own checkers read them, and moving with a build.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/base/text.h"
#include "tests/e2e/farm_harness.h"

namespace gofarm::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kOpenMetrics[] = "Accept: application/openmetrics-text;version=1.0.0";
const std::string kWorkerHttp = Cat("127.0.0.1:", 20'000 + ::getpid() % 20'000);

class MetricsTest : public ::testing::Test {
 protected:
  MetricsTest()
      : farm_(1, [&] {
          std::vector<std::string> environment = proxy_.Environment("example.com/watched");
          environment.push_back(Cat("GOFARM_WORKER_HTTP=", kWorkerHttp));
          return environment;
        }()) {}

  std::string CoordinatorUrl() const { return Text(farm_.GofarmJson({"status"}).root(), "http_url") + "/metrics"; }
  static std::string Scrape(const std::string& url) { return RunCommand({"curl", "-sf", url}).out; }
  // The sum of all series that begin so.
  static double Sum(const std::string& text, const std::string& begin) {
    const std::string all = Cat("\n", text);
    double sum = 0;
    for (size_t at = all.find(Cat("\n", begin)); at != std::string::npos; at = all.find(Cat("\n", begin), at)) {
      at = all.find(' ', at);
      sum += std::strtod(all.c_str() + at, nullptr);
    }
    return sum;
  }

  void ExpectGoodForms(const std::string& url, const std::string& golden) {
    const std::string file = farm_.scratch() + "/scrape";
    const CommandResult open = RunCommand({"curl", "-sf", "-D", file + ".head", "-H", kOpenMetrics, "-o", file, url});
    ASSERT_EQ(open.exit_code, 0) << open.err;
    EXPECT_THAT(RunCommand({"cat", file + ".head"}).out,
                HasSubstr("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    const std::string source = std::getenv("GOFARM_SOURCE_DIR");
    const CommandResult parsed = RunCommand(
        {"/usr/bin/python3", source + "/tests/e2e/openmetrics.py", file, Cat(source, "/tests/golden/metrics/", golden)});
    EXPECT_EQ(parsed.exit_code, 0) << parsed.out << parsed.err;
    const CommandResult plain = RunCommand({"curl", "-sf", "-D", file + ".head", "-o", file, url});
    ASSERT_EQ(plain.exit_code, 0) << plain.err;
    EXPECT_THAT(RunCommand({"cat", file + ".head"}).out, HasSubstr("text/plain; version=0.0.4; charset=utf-8"));
    // promtool reads what is to be checked from its standard input.
    const CommandResult checked = RunCommand({"sh", "-c", Cat("promtool check metrics < ", file)});
    EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err;
  }

  const LocalProxy proxy_;
  const Farm farm_;
};

TEST_F(MetricsTest, BothProgramsServeWhatTheCheckersTakeAndABuildMovesTheCounters) {
  const std::string url = CoordinatorUrl();
  const std::string before = Scrape(url);
  EXPECT_EQ(Sum(before, "gofarm_jobs_ended_total"), 0);
  EXPECT_EQ(Sum(before, "gofarm_leading"), 1);
  const std::string module =
      proxy_.Add("example.com/watched/tool", {"main.go=package main\n\nfunc main() { println(\"watched\") }\n"});
  farm_.Watch(farm_.Submit({module, "--target", "x86_64"}));

  std::string after;
  // What the dispatcher publishes is a second old.
  EXPECT_TRUE(farm_.WaitUntil(
      [&] {
        after = Scrape(url);
        return Sum(after, "gofarm_offers_total{what=\"accepted\"}") == 1;
      },
      absl::Seconds(30)));
  EXPECT_EQ(Sum(after, "gofarm_jobs_ended_total{state=\"built\",target=\"x86_64\"}"), 1);
  EXPECT_EQ(Sum(after, "gofarm_attempts_ended_total{outcome=\"built\",target=\"x86_64\"}"), 1);
  EXPECT_EQ(Sum(after, "gofarm_attempt_seconds_count{target=\"x86_64\"}"), 1);
  EXPECT_EQ(Sum(after, "gofarm_job_wait_seconds_count{target=\"x86_64\"}"), 1);
  EXPECT_EQ(Sum(after, "gofarm_executables_total{target=\"x86_64\"}"), 1);
  EXPECT_EQ(Sum(after, "gofarm_smoke_runs_total{result=\"ok\"}"), 1);
  EXPECT_GT(Sum(after, "gofarm_phase_seconds_sum{phase=\"build\"}"), 0);
  EXPECT_GT(Sum(after, "gofarm_artifact_bytes_total"), 1'000'000);
  EXPECT_GT(Sum(after, "gofarm_log_bytes_total"), 0);
  EXPECT_GT(Sum(after, "gofarm_statement_seconds_count{statement=\"insert_executables\"}"), 0);
  EXPECT_GT(Sum(after, "gofarm_dispatcher_busy_seconds_total"), 0);
  EXPECT_GT(Sum(after, "gofarm_rpc_calls_total{code=\"OK\",method=\"Complete\"}"), 0);
  EXPECT_EQ(Sum(after, "gofarm_worker_up"), 1);
  EXPECT_GT(Sum(after, "gofarm_worker_memory_free_bytes"), 0);
  EXPECT_LT(std::abs(Sum(after, "gofarm_worker_clock_skew_seconds")), 5);
  EXPECT_EQ(Sum(after, "gofarm_worker_cache_lookups_total{cache=\"modules\""), 1);
  EXPECT_THAT(after, Not(HasSubstr("example.com"))) << "a module's name stands in a label";

  EXPECT_TRUE(
      farm_.WaitUntil([&] { return Sum(Scrape(url), "gofarm_blob_store_bytes") > 1'000'000; }, absl::Minutes(2)));
  ExpectGoodForms(url, "coordinator.tsv");
  const std::string worker = Cat("http://", kWorkerHttp, "/metrics");
  EXPECT_EQ(Sum(Scrape(worker), "gofarm_worker_attempts_total{outcome=\"built\"}"), 1);
  EXPECT_EQ(Sum(Scrape(worker), "gofarm_coordinator_connected"), 1);
  ExpectGoodForms(worker, "worker.tsv");
  EXPECT_EQ(farm_.Gofarm({"worker", "targets", "--prometheus"}).out, "[]\n") << "nobody said where others reach it";
}

}  // namespace
}  // namespace gofarm::testing
