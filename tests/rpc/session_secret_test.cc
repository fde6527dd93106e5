// An attempt belongs to the session that it was given to: whoever knows its token alone can do nothing with it.
#include <gmock/gmock.h>

#include <utility>

#include "common/digest/digest.h"
#include "tests/rpc/farm_server.h"

namespace gofarm::testing {
namespace {

using grpc::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SessionSecretTest : public RpcTest {
 protected:
  // An attempt that runs on a session of "w1"; its log holds four bytes.
  v1::Offer RunOn(FakeWorker& worker) {
    const v1::Offer offer = RunningOffer(worker);
    EXPECT_EQ(AppendLog(*worker_, offer.token(), 0, "mine"), 4);
    return offer;
  }
  static v1::CompleteRequest Failed(const v1::Offer& offer) {
    v1::CompleteRequest request;
    request.set_token(offer.token());
    request.set_job_id(offer.job_id());
    request.set_outcome(v1::ATTEMPT_OUTCOME_FAILED);
    request.set_failure_class(v1::FAILURE_CLASS_COMPILE_ERROR);
    request.set_failure_detail("main.go:1: wrong");
    return request;
  }
  grpc::Status Complete(const v1::CompleteRequest& request) {
    v1::CompleteReply reply;
    return worker_->Complete(Context().get(), request, &reply);
  }
  // All calls about the attempt, with what LastSecret says.
  std::vector<StatusCode> TryAll(const v1::Offer& offer) {
    grpc::Status log;
    AppendLog(*worker_, offer.token(), 4, "not mine", &log);
    const grpc::Status upload = Upload(*worker_, offer.token(), digest::Sha256Hex("bytes"), "bytes");
    return {log.error_code(), upload.error_code(), Complete(Failed(offer)).error_code()};
  }
};

TEST_F(SessionSecretTest, AnotherWorkersCallsAboutAnAttemptAreRefusedAndChangeNothing) {
  FakeWorker worker(*worker_);
  const v1::Offer offer = RunOn(worker);
  const std::string mine = std::exchange(LastSecret(), "");
  EXPECT_THAT(TryAll(offer),
              ElementsAre(StatusCode::UNAUTHENTICATED, StatusCode::UNAUTHENTICATED, StatusCode::UNAUTHENTICATED));
  FakeWorker other(*worker_);
  other.SayHello(FakeWorker::Hello("w2"));
  other.HearWelcome();
  ASSERT_NE(LastSecret(), mine);
  EXPECT_THAT(TryAll(offer),
              ElementsAre(StatusCode::PERMISSION_DENIED, StatusCode::PERMISSION_DENIED, StatusCode::PERMISSION_DENIED));
  EXPECT_THAT(Complete(Failed(offer)).error_message(), HasSubstr("worker w1"));
  LastSecret() = "short";
  EXPECT_THAT(TryAll(offer),
              ElementsAre(StatusCode::UNAUTHENTICATED, StatusCode::UNAUTHENTICATED, StatusCode::UNAUTHENTICATED));

  EXPECT_EQ(GetJob(offer.job_id()).state(), v1::JOB_STATE_RUNNING);
  LastSecret() = mine;
  EXPECT_EQ(AppendLog(*worker_, offer.token(), 4, "!"), 5) << "nobody else's bytes are in it";
  EXPECT_TRUE(Complete(Failed(offer)).ok());
  EXPECT_EQ(GetJob(offer.job_id()).failure_detail(), "main.go:1: wrong");
}

TEST_F(SessionSecretTest, ASessionOfTheSameNameWithoutTheSecretGetsNoneOfTheAttempts) {
  FakeWorker worker(*worker_);
  const v1::Offer offer = RunOn(worker);
  const std::string mine = LastSecret();
  v1::Hello hello = FakeWorker::Hello("w1");
  hello.add_attempts()->set_token(offer.token());
  hello.mutable_attempts(0)->set_job_id(offer.job_id());
  FakeWorker thief(*worker_);
  thief.SayHello(hello);
  const v1::Welcome welcome = thief.HearWelcome();
  EXPECT_THAT(welcome.keep(), IsEmpty());
  EXPECT_THAT(welcome.drop(), ElementsAre(offer.token()));
  EXPECT_EQ(welcome.session_secret().size(), 32u);
  EXPECT_NE(welcome.session_secret(), mine);
  EXPECT_EQ(GetJob(offer.job_id()).attempts(0).outcome(), v1::ATTEMPT_OUTCOME_LOST) << "its job is tried again";
}

TEST_F(SessionSecretTest, AReconnectKeepsTheSecretAndCallsThatAreUnderWay) {
  FakeWorker worker(*worker_);
  const v1::Offer offer = RunOn(worker);
  const std::string mine = LastSecret();
  const auto context = Context();
  const auto log = worker_->AppendLog(context.get());
  v1::LogChunk chunk;
  chunk.set_token(offer.token());
  v1::LogAck ack;
  ASSERT_TRUE(log->Write(chunk) && log->Read(&ack));
  for (int i = 0; i < 2; ++i) {
    FakeWorker again(*worker_, absl::Seconds(30), mine);
    v1::Hello hello = FakeWorker::Hello("w1");
    hello.add_attempts()->set_token(offer.token());
    hello.mutable_attempts(0)->set_job_id(offer.job_id());
    again.SayHello(hello);
    const v1::Welcome welcome = again.HearWelcome();
    EXPECT_THAT(welcome.keep(), ElementsAre(offer.token()));
    EXPECT_THAT(welcome.session_secret(), IsEmpty());
  }
  Restart();
  EXPECT_EQ(LastSecret(), mine);
  EXPECT_EQ(AppendLog(*worker_, offer.token(), 4, "!"), 5) << "a new coordinator knows it by what is stored";
  EXPECT_TRUE(Complete(Failed(offer)).ok());
  LastSecret() = std::string(32, 'x');
  EXPECT_TRUE(Complete(Failed(offer)).ok()) << "a repeat writes nothing and gets its answer";
}

}  // namespace
}  // namespace gofarm::testing
