// Two coordinators of one farm, as processes: one leads, the other stands by and says so, and takes over when the first
// stops, is paused or dies. The database is real, the folders are their own.
#include "coordinator/domain/leadership.h"

#include <gmock/gmock.h>
#include <gofarm/v1/farm.grpc.pb.h>
#include <gofarm/v1/worker.grpc.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <string>

#include "common/base/text.h"
#include "common/io/files.h"
#include "tests/support/coordinator_process.h"
#include "tests/support/pg_fixture.h"

namespace gofarm::testing {
namespace {

constexpr absl::Duration kSoon = absl::Seconds(8);  // for what needs no lease to end, on a loaded machine

class LeadershipProcessTest : public PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    char name[] = "/tmp/gofarm-lead-XXXXXX";
    dir_ = ::mkdtemp(name);
    a_ = std::make_unique<Coordinator>(dir_, "a", url_);
    b_ = std::make_unique<Coordinator>(dir_, "b", url_);
    a_->Start();
    ASSERT_TRUE(a_->Becomes("running", absl::Seconds(30))) << a_->log();
    b_->Start();
    ASSERT_TRUE(b_->Becomes("standby", absl::Seconds(30))) << b_->log();
  }
  void TearDown() override {
    if (HasFailure()) std::cerr << "a:\n" << a_->log() << "\nb:\n" << b_->log();
    a_.reset();
    b_.reset();
    EXPECT_TRUE(io::RemoveTree(dir_).ok());
    PgTest::TearDown();
  }
  static std::string HolderOf(const Coordinator& coordinator) { return Cat("pid ", coordinator.pid()); }

  std::string dir_;
  std::unique_ptr<Coordinator> a_, b_;
};

TEST_F(LeadershipProcessTest, OneThatStandsBySaysWhoLeadsAndRefusesTheRest) {
  EXPECT_THAT(b_->Status().leader(), ::testing::HasSubstr(HolderOf(*a_)));
  EXPECT_EQ(b_->Status().coordinator_pid(), b_->pid());
  EXPECT_EQ(a_->ReadyZ().status, 200);
  const io::HttpResponse ready = b_->ReadyZ();
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, ::testing::AllOf(::testing::HasSubstr("stands by"), ::testing::HasSubstr(HolderOf(*a_))));
  EXPECT_THAT(b_->log(), ::testing::HasSubstr("coordinator_stands_by"));

  grpc::ClientContext listing;
  listing.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(5)));
  v1::WorkerPage workers;
  const auto listed = v1::Farm::NewStub(b_->channel())->ListWorkers(&listing, {});
  EXPECT_FALSE(listed->Read(&workers));
  const grpc::Status refused = listed->Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(refused.error_message(),
              ::testing::AllOf(::testing::HasSubstr("stands by"), ::testing::HasSubstr(HolderOf(*a_))));

  grpc::ClientContext dialling;
  dialling.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(5)));
  const auto session = v1::Worker::NewStub(b_->channel())->Session(&dialling);
  v1::CoordinatorMessage message;
  EXPECT_FALSE(session->Read(&message));
  EXPECT_EQ(session->Finish().error_code(), grpc::StatusCode::UNAVAILABLE) << "the worker tries its next address";

  const pid_t status = Spawn({Bin("gofarm"), "status", "--server", b_->address()}, Cat(dir_, "/status"));
  int code = -1;
  ASSERT_EQ(::waitpid(status, &code, 0), status);
  EXPECT_EQ(code, 0);
  const std::string text = io::ReadFile(Cat(dir_, "/status"), 1 << 16).value_or("");
  EXPECT_THAT(text, ::testing::AllOf(::testing::HasSubstr("standby"), ::testing::HasSubstr(HolderOf(*a_))));
}

TEST_F(LeadershipProcessTest, OneThatStopsIsFollowedAtOnceAndStandsByWhenItComesBack) {
  EXPECT_EQ(a_->Kill(SIGTERM), 0);
  EXPECT_TRUE(b_->Becomes("running", kSoon));
  a_->Start();
  ASSERT_TRUE(a_->Becomes("standby", kSoon));
  EXPECT_THAT(a_->Status().leader(), ::testing::HasSubstr(HolderOf(*b_)));
  EXPECT_EQ(b_->Status().state(), "running");
  EXPECT_EQ(a_->Kill(SIGTERM), 0) << "one that stands by stops as well";
  EXPECT_EQ(b_->Status().state(), "running");
}

TEST_F(LeadershipProcessTest, ALeaderThatIsPausedIsFollowedWithinItsLeaseAndStandsByWhenItWakes) {
  a_->Signal(SIGSTOP);
  EXPECT_TRUE(b_->Becomes("running", leadership::kLease + kSoon));
  a_->Signal(SIGCONT);
  EXPECT_TRUE(a_->Becomes("standby", leadership::kRenewEvery + kSoon));
  EXPECT_TRUE(a_->Lives());
  EXPECT_THAT(a_->log(), ::testing::HasSubstr("leadership_lost"));
  EXPECT_EQ(b_->Status().state(), "running");
  b_->Signal(SIGSTOP);
  EXPECT_TRUE(a_->Becomes("running", leadership::kLease + kSoon)) << "it leads once more, in the same process";
  b_->Signal(SIGCONT);
  EXPECT_TRUE(b_->Becomes("standby", leadership::kRenewEvery + kSoon));
}

TEST_F(LeadershipProcessTest, ALeaderThatWasKilledComesBackAtOnceInItsOwnFolder) {
  b_->Kill(SIGKILL);
  EXPECT_EQ(a_->Kill(SIGKILL), 128 + SIGKILL);
  const absl::Time killed = absl::Now();
  a_->Start();
  ASSERT_TRUE(a_->Becomes("running", leadership::kLease / 2)) << "its own lease still runs";
  EXPECT_LT(absl::Now() - killed, leadership::kLease / 2);
  // Another folder is another coordinator: this one waits.
  EXPECT_EQ(a_->Kill(SIGKILL), 128 + SIGKILL);
  b_->Start();
  EXPECT_TRUE(b_->Becomes("standby", kSoon));
  EXPECT_TRUE(b_->Becomes("running", leadership::kLease + kSoon));
}

}  // namespace
}  // namespace gofarm::testing
