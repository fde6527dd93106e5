// A farm that is harmed, watched by a real Prometheus and a real Alertmanager with the rules and inhibitions of
// deploy/, only sixty times as quick: the alert that is meant is notified, and nothing that follows from it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <memory>
#include <optional>

#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "tests/e2e/farm_harness.h"
#include "tests/e2e/monitoring.h"
#include "tests/support/small_disk.h"

namespace gofarm::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Duration kNotifiedMax = absl::Minutes(3);
// What follows from a cause is pending for so long at most, and would be notified then.
constexpr absl::Duration kFollowsMax = absl::Seconds(30);

class AlertsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(EnterOwnMounts());
    farm_ = std::make_unique<Farm>(1, proxy_.Environment("alerts.example"));
    ASSERT_TRUE(farm_->Down());
    work_ = std::make_unique<SmallDisk>(farm_->dir() + "/work", "size=8g");
    data_ = std::make_unique<SmallDisk>(farm_->dir() + "/data", "size=8g");
    ASSERT_TRUE(farm_->Up());
    const std::string rules = farm_->scratch() + "/gofarm.rules.yml";
    ASSERT_TRUE(io::WriteFileAtomic(rules, Hastened(SourceFile("deploy/prometheus/gofarm.rules.yml"))).ok());
    alertmanager_.emplace(absl::StrReplaceAll(Hastened(SourceFile("deploy/alertmanager/alertmanager.yml")),
                                              {{"127.0.0.1:9099", sink_.authority()}}));
    const std::string url = Text(farm_->GofarmJson({"status"}).root(), "http_url");
    prometheus_ = std::make_unique<PrometheusServer>(PrometheusServer::Options{
        .targets = {url.substr(7)}, .rule_files = {rules}, .alertmanager = alertmanager_->authority()});
  }
  void TearDown() override {
    prometheus_.reset();
    if (farm_) farm_->Down();
    work_.reset();
    data_.reset();
  }

  // Exactly these, after all that follows from the cause had its time.
  void ExpectNotified(const std::string& alert) {
    EXPECT_TRUE(farm_->WaitUntil([&] { return sink_.Fired().count(alert) != 0; }, kNotifiedMax))
        << "notified: " << ::testing::PrintToString(sink_.Fired())
        << ", alerts: " << ::testing::PrintToString(prometheus_->Alerts());
    absl::SleepFor(kFollowsMax);
    EXPECT_THAT(sink_.Fired(), ElementsAre(alert)) << ::testing::PrintToString(prometheus_->Alerts());
  }
  void ExpectQuiet() {
    EXPECT_TRUE(farm_->WaitUntil([&] { return prometheus_->Alerts().empty(); }, kNotifiedMax))
        << ::testing::PrintToString(prometheus_->Alerts());
    absl::SleepFor(absl::Seconds(3));
    sink_.Forget();
  }
  // The farm's supervisor mends nothing any more, until `up`.
  void EndSupervisor() {
    const Json file(io::ReadFile(farm_->dir() + "/farm.json", 1 << 20).value_or(""));
    ASSERT_EQ(kill(static_cast<pid_t>(Number(At(file.root(), "supervisor"), "pid")), SIGKILL), 0);
  }
  int64_t SubmitSomething() {
    return farm_->Submit(
        {proxy_.Add("alerts.example/hello", {"main.go=package main\\n\\nfunc main() {}\\n"}), "--target", "x86_64"});
  }

  const LocalProxy proxy_;
  WebhookSink sink_;
  std::unique_ptr<Farm> farm_;
  std::unique_ptr<SmallDisk> work_, data_;
  std::optional<Alertmanager> alertmanager_;
  std::unique_ptr<PrometheusServer> prometheus_;
};

TEST_F(AlertsTest, EachHarmIsNotifiedByItsOwnAlertAlone) {
  {
    SCOPED_TRACE("a farm that builds is well");
    farm_->Watch(SubmitSomething());
    absl::SleepFor(kFollowsMax);
    EXPECT_THAT(sink_.Fired(), IsEmpty());
  }
  {
    SCOPED_TRACE("the worker has no room");
    work_->Remount("size=64m");
    const int64_t batch = SubmitSomething();
    ExpectNotified("GofarmWorkersWithoutRoom");
    work_->Remount("size=8g");
    farm_->Watch(batch);
    ExpectQuiet();
  }
  {
    SCOPED_TRACE("the coordinator has no room");
    data_->Remount("size=512m");
    ExpectNotified("GofarmDataDiskLow");
    data_->Remount("size=8g");
    ExpectQuiet();
  }
  {
    SCOPED_TRACE("the worker is killed");
    const int worker = farm_->WorkerPid();
    ASSERT_NO_FATAL_FAILURE(EndSupervisor());
    ASSERT_EQ(kill(worker, SIGKILL), 0);
    const int64_t batch = SubmitSomething();
    ExpectNotified("GofarmNoWorkerForTarget");
    EXPECT_TRUE(farm_->Up());
    farm_->Watch(batch);
    ExpectQuiet();
  }
  {
    SCOPED_TRACE("the database is stopped");
    const int postgres = farm_->PostgresPid();
    ASSERT_NO_FATAL_FAILURE(EndSupervisor());
    ASSERT_EQ(kill(postgres, SIGINT), 0);
    ExpectNotified("GofarmDatabaseFails");
    EXPECT_EQ(prometheus_->Alerts().count("GofarmLeaderMissing firing"), 1u) << "it fires, and is not notified";
    EXPECT_TRUE(farm_->Up());
    ExpectQuiet();
  }
}

}  // namespace
}  // namespace gofarm::testing
