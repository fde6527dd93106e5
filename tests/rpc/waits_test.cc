// What waits on others, a module proxy that hangs or a database that is busy, holds up nobody else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "common/base/text.h"
#include "coordinator/rpc/server.h"
#include "tests/rpc/farm_server.h"

namespace gofarm::testing {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

// Far below the deadlines of what hangs.
constexpr absl::Duration kSoon = absl::Seconds(3);

class WaitsTest : public RpcTest {
 protected:
  struct Submission {
    std::unique_ptr<grpc::ClientContext> context;
    std::unique_ptr<v1::SubmitReply> reply = std::make_unique<v1::SubmitReply>();
    std::unique_ptr<grpc::ClientWriter<v1::SubmitChunk>> stream;
  };
  // All of it is sent, and its version is asked of a proxy that says nothing.
  Submission SubmitHanging(int number) {
    Submission submission{.context = Context(absl::Seconds(100))};
    submission.stream = farm_->Submit(submission.context.get(), submission.reply.get());
    v1::SubmitChunk chunk;
    chunk.mutable_header()->set_request_id(Cat("hangs", number));
    chunk.mutable_header()->set_entries(1);
    submission.stream->Write(chunk);
    v1::SubmitChunk::Entry& entry = *chunk.mutable_entries()->add_entries();
    entry.set_line(1);
    entry.set_module(Cat("hangs.example/m", number));
    submission.stream->Write(chunk);
    submission.stream->WritesDone();
    return submission;
  }
  absl::Duration TimeOfStatus() {
    const absl::Time began = absl::Now();
    v1::FarmStatus status;
    const grpc::Status ended = farm_->GetFarmStatus(Context(kSoon).get(), {}, &status);
    EXPECT_TRUE(ended.ok()) << ended.error_message();
    return absl::Now() - began;
  }
};

TEST_F(WaitsTest, SubmissionsThatWaitForAModuleProxyHoldUpNoOperator) {
  const int64_t batch = Submit({"example.com/hello@v1.0.0"}, "before").batch().id();
  std::vector<Submission> hanging;
  for (int i = 0; i < rpc::kSubmissionsMax; ++i) hanging.push_back(SubmitHanging(i));
  // That all of them arrived is known when one more is refused.
  grpc::Status refused = grpc::Status::OK;
  for (int i = 0; refused.ok() && i < 100; ++i) Submit({"example.com/hello@v1.0.0"}, Cat("more", i), false, &refused);
  EXPECT_EQ(refused.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("wait for the module proxy; try again when one ends"));
  absl::SleepFor(absl::Milliseconds(200));  // the pool has all of them
  const absl::Duration took = TimeOfStatus();
  RecordProperty("status_ms", static_cast<int>(absl::ToInt64Milliseconds(took)));
  v1::BatchRequest request;
  request.set_id(batch);
  v1::Batch shown;
  EXPECT_TRUE(farm_->GetBatch(Context(kSoon).get(), request, &shown).ok());
  EXPECT_EQ(JobsOf(batch).size(), 1u);
  for (Submission& submission : hanging) {
    submission.context->TryCancel();
    EXPECT_EQ(submission.stream->Finish().error_code(), StatusCode::CANCELLED);
  }
}

TEST_F(WaitsTest, AttemptsEndWhileEveryOtherConnectionToTheDatabaseIsBusy) {
  FakeWorker worker(*worker_);
  const v1::Offer offer = RunningOffer(worker);
  std::vector<store::Pool::Lease> busy;
  for (int i = 0; i < pool_->options().connections; ++i) {
    absl::StatusOr<store::Pool::Lease> lease = pool_->Acquire(Scope::For(absl::Seconds(10)));
    ASSERT_TRUE(lease.ok()) << lease.status();
    busy.push_back(*std::move(lease));
  }
  grpc::Status status;
  EXPECT_EQ(AppendLog(*worker_, offer.token(), 0, "abc", &status), 3) << status.error_message();
  v1::CompleteRequest failed;
  failed.set_token(offer.token());
  failed.set_job_id(offer.job_id());
  failed.set_outcome(v1::ATTEMPT_OUTCOME_FAILED);
  failed.set_failure_class(v1::FAILURE_CLASS_COMPILE_ERROR);
  v1::CompleteReply reply;
  status = worker_->Complete(Context(kSoon).get(), failed, &reply);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(reply.job_state(), v1::JOB_STATE_FAILED);
}

}  // namespace
}  // namespace gofarm::testing
