// Networks that misbehave between a worker and its coordinator, and a worker that is thrown out: each case ends healed,
// nothing doubled, nothing lost.
#include <gmock/gmock.h>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/pki/join_string.h"
#include "tests/e2e/hosts_fixture.h"

namespace gofarm::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Way = NetworkHosts::Way;

class NetworksTest : public HostsTest {
 protected:
  void SetUp() override {
    HostsTest::SetUp();
    if (HasFatalFailure()) return;
    worker_ = Start("w1", farm_->JoinString("worker"), "far-1");
    ASSERT_TRUE(farm_->WaitConnected("far-1")) << worker_->Log();
  }
  int64_t Building(const std::string& module, int functions) {
    const int64_t batch =
        farm_->Submit({proxy_.AddSlow(Cat("example.com/hosts/", module), functions), "--target", "x86_64"});
    EXPECT_TRUE(farm_->WaitUntilBuilding(batch));
    return batch;
  }
  // The outcomes of the attempts of a batch of one job, which must be built with its one program and its whole log.
  std::vector<std::string> Outcomes(int64_t batch) {
    farm_->Watch(batch);
    const Json jobs = farm_->Jobs(batch);
    const simdjson::dom::element job = Items(jobs.root())[0];
    EXPECT_EQ(Text(job, "state"), "built") << Text(job, "failure_detail");
    EXPECT_THAT(Items(At(job, "executables")), SizeIs(1));
    EXPECT_THAT(farm_->Gofarm({"job", "log", Cat(Number(job, "id"))}).out, HasSubstr("example.com/hosts/"));
    return Attempts(job, "outcome");
  }
  std::unique_ptr<JoinedWorker> worker_;
};

TEST_F(NetworksTest, AFifthOfAllPacketsLostCostsTimeOnly) {
  hosts_->Lose("w1", Way::kOut, 0.2);
  hosts_->Lose("w1", Way::kIn, 0.2);
  EXPECT_THAT(Outcomes(Building("lossy", 2000)), ElementsAre("built"));
}

TEST_F(NetworksTest, AWayThatIsSilentForLessThanALeaseLosesNothing) {
  for (const Way way : {Way::kOut, Way::kIn}) {
    const int64_t batch = Building(way == Way::kOut ? "mute" : "deaf", 4000);
    hosts_->Lose("w1", way, 1);
    absl::SleepFor(absl::Seconds(15));
    hosts_->Lose("w1", way, 0);
    EXPECT_THAT(Outcomes(batch), ElementsAre("built"));
  }
}

TEST_F(NetworksTest, ALinkCutInTheMiddleOfUploadsGoesOnWhereItStood) {
  // Short cuts, one after the other, from the build through logs and uploads.
  const int64_t batch = Building("cut", 3000);
  for (int i = 0; i < 8; ++i) {
    hosts_->SetLink("w1", false);
    absl::SleepFor(absl::Milliseconds(700));
    hosts_->SetLink("w1", true);
    absl::SleepFor(absl::Seconds(2));
  }
  EXPECT_THAT(Outcomes(batch), ElementsAre("built"));
}

TEST_F(NetworksTest, AHostThatGetsAnotherAddressIsItselfAgain) {
  const int64_t batch = Building("moved", 6000);
  hosts_->Move("w1");
  // What it built under the old address counts, unless its silence lasted longer than the lease.
  const std::vector<std::string> outcomes = Outcomes(batch);
  EXPECT_EQ(outcomes.back(), "built");
  EXPECT_LE(outcomes.size(), 2u);
  EXPECT_TRUE(farm_->WaitConnected("far-1"));
  const Json workers = farm_->GofarmJson({"worker", "list"});
  EXPECT_THAT(Items(workers.root()), SizeIs(1));
  EXPECT_THAT(Text(Items(workers.root())[0], "address"), HasSubstr(hosts_->AddressOf("w1")));
}

// Half a second there and half a second back: a join, a build, its log and its upload take round trips, not time-outs.
TEST_F(HostsTest, AHostAtTheEndOfALongLineJoinsAndBuilds) {
  const std::string coordinator = hosts_->AddressOf("c"), relay = Cat(hosts_->AddressOf("o"), ":7444");
  const auto line = process::SpawnDaemon(
      {.argv = hosts_->On("o", {"python3", Cat(std::getenv("GOFARM_SOURCE_DIR"), "/tests/support/delay_relay.py"),
                                relay, Cat(coordinator, ":7443"), "500"}),
       .environment = process::InheritedWith({}),
       .log_file = Cat(farm_->scratch(), "/relay.log"),
       .death_signal = SIGKILL});
  ASSERT_TRUE(line.ok()) << line.status();
  pki::JoinString join = pki::DecodeJoin(farm_->JoinString("worker")).value();
  join.addresses = {relay};
  const auto worker = Start("w1", pki::Encode(join), "far-1");
  ASSERT_TRUE(farm_->WaitConnected("far-1")) << worker->Log();
  const int64_t batch = farm_->Submit({proxy_.AddSlow("example.com/hosts/longline", 2000), "--target", "x86_64"});
  farm_->Watch(batch);
  const Json jobs = farm_->Jobs(batch);
  const simdjson::dom::element job = Items(jobs.root())[0];
  EXPECT_EQ(Text(job, "state"), "built") << Text(job, "failure_detail");
  EXPECT_THAT(Attempts(job, "outcome"), ElementsAre("built"));
  EXPECT_THAT(farm_->Gofarm({"job", "log", Cat(Number(job, "id"))}).out, HasSubstr("example.com/hosts/longline"));
}

TEST_F(HostsTest, ALinkThatIsLostForLessThanALeaseCostsNothingAndForMoreOneAttempt) {
  const auto one = Start("w1", farm_->JoinString("worker"), "far-1");
  ASSERT_TRUE(farm_->WaitConnected("far-1")) << one->Log();
  const auto away = [&](const std::string& module, absl::Duration time) {
    const int64_t batch =
        farm_->Submit({proxy_.AddSlow(Cat("example.com/hosts/", module), 6000), "--target", "x86_64"});
    EXPECT_TRUE(farm_->WaitUntilBuilding(batch));
    hosts_->SetLink("w1", false);
    absl::SleepFor(time);
    hosts_->SetLink("w1", true);
    farm_->Watch(batch);
    return Json(farm_->Jobs(batch));
  };
  const Json kept = away("kept", absl::Seconds(20));
  EXPECT_EQ(Text(Items(kept.root())[0], "state"), "built");
  EXPECT_THAT(Attempts(Items(kept.root())[0], "outcome"), ElementsAre("built"));
  const Json lost = away("lost", absl::Seconds(60));
  EXPECT_EQ(Text(Items(lost.root())[0], "state"), "built");
  // What the first attempt completed when it was back came too late.
  EXPECT_THAT(Attempts(Items(lost.root())[0], "outcome"), ElementsAre("lost", "built"));
  EXPECT_EQ(Items(At(Items(lost.root())[0], "executables")).size(), 1u);
}

TEST_F(HostsTest, AWorkerThatIsRevokedWhileItBuildsIsGoneAndItsJobIsBuiltElsewhere) {
  const auto one = Start("w1", farm_->JoinString("worker"), "far-1");
  ASSERT_TRUE(farm_->WaitConnected("far-1")) << one->Log();
  const int64_t batch = farm_->Submit({proxy_.AddSlow("example.com/hosts/revoked", 4000), "--target", "x86_64"});
  ASSERT_TRUE(farm_->WaitUntilBuilding(batch));
  const auto two = Start("w2", farm_->JoinString("worker"), "far-2");
  ASSERT_TRUE(farm_->WaitConnected("far-2")) << two->Log();
  ASSERT_EQ(farm_->Gofarm({"identity", "revoke", "far-1"}).exit_code, 0);
  EXPECT_TRUE(farm_->WaitUntil([&] { return !farm_->Connected("far-1"); }, absl::Seconds(5)));
  EXPECT_EQ(one->ExitCode(absl::Seconds(30)), 2);
  EXPECT_THAT(one->Log(), HasSubstr("was revoked"));
  farm_->Watch(batch);
  const Json jobs = farm_->Jobs(batch);
  const simdjson::dom::element job = Items(jobs.root())[0];
  EXPECT_EQ(Text(job, "state"), "built");
  EXPECT_THAT(Attempts(job, "worker"), ElementsAre("far-1", "far-2"));
  EXPECT_FALSE(farm_->Connected("far-1"));
}

}  // namespace
}  // namespace gofarm::testing
