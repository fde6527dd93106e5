// Drains, removals and labels over the wire, with workers that speak by hand.
#include <gmock/gmock.h>

#include "common/base/clock.h"
#include "common/sync/wait.h"
#include "tests/rpc/farm_server.h"

namespace gofarm::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DrainTest : public RpcTest {
 protected:
  v1::WorkerChoice Named(const std::string& name) {
    v1::WorkerChoice choice;
    choice.set_name(name);
    return choice;
  }
  std::vector<std::string> Drain(const v1::WorkerChoice& choice) {
    v1::ChosenWorkers chosen;
    const grpc::Status status = farm_->DrainWorkers(Context().get(), choice, &chosen);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {chosen.names().begin(), chosen.names().end()};
  }
  v1::WorkerRow OnlyWorker() {
    const std::vector<v1::WorkerRow> workers = Workers();
    EXPECT_EQ(workers.size(), 1u);
    return workers.empty() ? v1::WorkerRow() : workers[0];
  }
  // Polls until `good` is, for some seconds.
  void Await(const std::function<bool()>& good) {
    for (const absl::Time end = SteadyNow() + absl::Seconds(10); !good();) {
      ASSERT_LT(SteadyNow(), end) << "it does not come to that";
      sync::SleepFor(std::stop_token(), absl::Milliseconds(5));
    }
  }
  int64_t OnlyJob(const v1::SubmitReply& reply) { return JobsOf(reply.batch().id()).at(0).id(); }
};

TEST_F(DrainTest, ADrainedWorkerGetsNoOffersOverRestartsUntilItIsUndrained) {
  {
    FakeWorker worker(*worker_);
    worker.SayHello(FakeWorker::Hello("w1"));
    worker.HearWelcome();
    worker.SayReady(1);
    Await([&] { return OnlyWorker().free_slots() == 1; });
    EXPECT_THAT(Drain(Named("w1")), ElementsAre("w1"));
    const absl::Time drained = SteadyNow();
    Await([&] { return OnlyWorker().draining(); });
    EXPECT_LT(SteadyNow() - drained, absl::Seconds(1));
    EXPECT_EQ(OnlyWorker().state(), v1::WORKER_STATE_DRAINING);
  }
  Await([&] { return OnlyWorker().state() == v1::WORKER_STATE_LOST; });
  EXPECT_TRUE(OnlyWorker().draining()) << "also while it is away";
  Restart();
  EXPECT_TRUE(OnlyWorker().draining()) << "also to a coordinator that never saw it";
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  worker.SayReady(1);
  const int64_t job = OnlyJob(Submit({"example.com/m@v1.0.0"}, "r1"));
  Await([&] { return GetJob(job).wait_reason() == v1::WAIT_REASON_DRAINING; });
  EXPECT_THAT(GetJob(job).wait_detail(), HasSubstr("gofarm worker undrain w1"));
  v1::ChosenWorkers chosen;
  ASSERT_TRUE(farm_->UndrainWorkers(Context().get(), Named("w1"), &chosen).ok());
  EXPECT_EQ(worker.HearOffer().job_id(), job);
}

TEST_F(DrainTest, WhoDrainsNobodyIsToldSo) {
  v1::ChosenWorkers chosen;
  EXPECT_EQ(farm_->DrainWorkers(Context().get(), Named("nobody"), &chosen).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(farm_->DrainWorkers(Context().get(), {}, &chosen).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::WorkerChoice both = Named("w1");
  (*both.mutable_labels())["zone"] = "b";
  EXPECT_EQ(farm_->DrainWorkers(Context().get(), both, &chosen).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::WorkerChoice wrong;
  (*wrong.mutable_labels())["zo ne"] = "b";
  EXPECT_EQ(farm_->UndrainWorkers(Context().get(), wrong, &chosen).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(DrainTest, WorkersAreShownWithLabelsAddressAndVersionAndFoundByName) {
  FakeWorker one(*worker_), other(*worker_);
  v1::Hello hello = FakeWorker::Hello("w1");
  (*hello.mutable_labels())["zone"] = "b";
  one.SayHello(hello);
  one.HearWelcome();
  other.SayHello(FakeWorker::Hello("w2"));
  other.HearWelcome();
  v1::ListWorkersRequest request;
  request.add_names("w1");
  const auto context = Context();
  const auto stream = farm_->ListWorkers(context.get(), request);
  v1::WorkerPage page;
  ASSERT_TRUE(stream->Read(&page));
  ASSERT_EQ(page.workers_size(), 1);
  EXPECT_EQ(page.workers(0).labels().at("zone"), "b");
  EXPECT_EQ(page.workers(0).address(), "unix");
  EXPECT_EQ(page.workers(0).build_version(), "test");
  EXPECT_FALSE(page.workers(0).draining());
  v1::WorkerChoice zone;
  (*zone.mutable_labels())["zone"] = "b";
  EXPECT_THAT(Drain(zone), ElementsAre("w1"));
}

TEST_F(DrainTest, AJobGoesToTheWorkerWithItsLabels) {
  FakeWorker plain(*worker_), labelled(*worker_);
  plain.SayHello(FakeWorker::Hello("w1"));
  plain.HearWelcome();
  plain.SayReady(2);
  const auto context = Context();
  v1::SubmitReply reply;
  const auto stream = farm_->Submit(context.get(), &reply);
  v1::SubmitChunk chunk;
  chunk.mutable_header()->set_request_id("r1");
  chunk.mutable_header()->add_targets(v1::TARGET_X86_64);
  (*chunk.mutable_header()->mutable_labels())["zone"] = "b";
  stream->Write(chunk);
  v1::SubmitChunk::Entry& entry = *chunk.mutable_entries()->add_entries();
  entry.set_module("example.com/m");
  entry.set_version("v1.0.0");
  stream->Write(chunk);
  stream->WritesDone();
  ASSERT_TRUE(stream->Finish().ok());
  const int64_t job = OnlyJob(reply);
  Await([&] { return GetJob(job).wait_reason() == v1::WAIT_REASON_NO_WORKER_FOR_TARGET; });
  EXPECT_THAT(GetJob(job).wait_detail(), HasSubstr("has the label zone=b"));
  v1::Hello hello = FakeWorker::Hello("w2");
  (*hello.mutable_labels())["zone"] = "b";
  labelled.SayHello(hello);
  labelled.HearWelcome();
  labelled.SayReady(1);
  EXPECT_EQ(labelled.HearOffer().job_id(), job);
}

TEST_F(DrainTest, ARemovedWorkersJobsWaitAgainAtOnce) {
  auto worker = std::make_unique<FakeWorker>(*worker_);
  const v1::Offer offer = RunningOffer(*worker);
  v1::RemoveWorkerRequest request;
  request.set_name("w1");
  v1::RemovedWorker removed;
  const grpc::Status refused = farm_->RemoveWorker(Context().get(), request, &removed);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("is connected and has 1 job"));
  Await([&] { return OnlyWorker().held() == 1; });
  worker.reset();  // its host is gone; the lease runs on
  Await([&] { return OnlyWorker().state() == v1::WORKER_STATE_LOST; });
  EXPECT_EQ(OnlyWorker().held(), 1);
  const grpc::Status status = farm_->RemoveWorker(Context().get(), request, &removed);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(removed.jobs(), 1);
  EXPECT_FALSE(removed.was_connected());
  EXPECT_EQ(GetJob(offer.job_id()).state(), v1::JOB_STATE_QUEUED);
  Await([&] { return Workers().empty(); });
  EXPECT_EQ(farm_->RemoveWorker(Context().get(), request, &removed).error_code(), grpc::StatusCode::NOT_FOUND);
  FakeWorker next(*worker_);
  next.SayHello(FakeWorker::Hello("w2"));
  next.HearWelcome();
  next.SayReady(1);
  EXPECT_EQ(next.HearOffer().job_id(), offer.job_id());
}

TEST_F(DrainTest, AWorkerThatIsDrainedAndIdleMayBeRemovedWhileItIsConnected) {
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  worker.SayReady(1);
  Drain(Named("w1"));
  Await([&] { return OnlyWorker().draining(); });
  v1::RemoveWorkerRequest request;
  request.set_name("w1");
  v1::RemovedWorker removed;
  const grpc::Status status = farm_->RemoveWorker(Context().get(), request, &removed);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(removed.was_connected());
  const grpc::Status ended = worker.AwaitEnd();
  EXPECT_EQ(ended.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_THAT(ended.error_message(), HasSubstr("removed this worker"));
}

}  // namespace
}  // namespace gofarm::testing
