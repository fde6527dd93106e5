// What goes wrong: garbage, stale tokens, other protocol versions, addresses beyond this machine. Each gets a clear
// status and the coordinator goes on.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <functional>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/rpc/session_secret.h"
#include "coordinator/service/attempt_service.h"
#include "tests/rpc/farm_server.h"
#include "tests/support/elf_maker.h"

namespace gofarm::testing {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

class RefusalTest : public RpcTest {
 protected:
  // What becomes of a session whose worker says this, after a good Hello when `greet`.
  grpc::Status Say(bool greet, const std::function<void(v1::WorkerMessage&)>& fill) {
    FakeWorker worker(*worker_);
    if (greet) {
      worker.SayHello(FakeWorker::Hello("w1"));
      worker.HearWelcome();
    }
    v1::WorkerMessage message;
    fill(message);
    worker.Say(message);
    return worker.AwaitEnd();
  }
  grpc::Status SayHello(const std::function<void(v1::Hello&)>& change) {
    return Say(false, [&](v1::WorkerMessage& m) {
      *m.mutable_hello() = FakeWorker::Hello("w1");
      change(*m.mutable_hello());
    });
  }
};

TEST_F(RefusalTest, AnotherProtocolVersionIsRefusedWithBothNumbers) {
  const grpc::Status status = SayHello([](v1::Hello& h) { h.set_protocol_version(7); });
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("version 7"));
  EXPECT_THAT(status.error_message(), HasSubstr("version 2"));
}

TEST_F(RefusalTest, HelloThatBreaksTheRulesIsRefused) {
  const std::pair<const char*, std::function<void(v1::Hello&)>> cases[] = {
      {"hello.name", [](v1::Hello& h) { h.set_name(""); }},
      {"hello.name", [](v1::Hello& h) { h.set_name("a\nb"); }},
      {"hello.name", [](v1::Hello& h) { h.set_name(std::string(65, 'a')); }},
      {"hello.instance", [](v1::Hello& h) { h.set_instance("../x"); }},
      {"hello.slots", [](v1::Hello& h) { h.set_slots(-1); }},
      {"hello.memory_bytes", [](v1::Hello& h) { h.set_memory_bytes(-1); }},
      {"hello.targets", [](v1::Hello& h) { h.add_targets(static_cast<v1::Target>(99)); }},
      {"hello.build_version", [](v1::Hello& h) { h.set_build_version(std::string(1'000, 'a')); }},
      {"hello.attempts", [](v1::Hello& h) { h.add_attempts()->set_token(-5); }},
      {"hello.labels: label zone=b\\x1b", [](v1::Hello& h) { (*h.mutable_labels())["zone"] = "b\x1b"; }},
      {"hello.labels: label ", [](v1::Hello& h) { (*h.mutable_labels())[std::string(64, 'k')] = "b"; }},
      {"Hello.labels: more than 32 in one message",
       [](v1::Hello& h) {
         for (int i = 0; i < 33; ++i) (*h.mutable_labels())[std::to_string(i)] = "x";
       }},
      {"Hello.attempts: more than 1024 in one message",
       [](v1::Hello& h) {
         for (int i = 0; i < 2'000; ++i) h.add_attempts()->set_token(i + 1);
       }},
  };
  for (const auto& [field, change] : cases) {
    const grpc::Status status = SayHello(change);
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << field;
    EXPECT_THAT(status.error_message(), HasSubstr(field));
  }
}

TEST_F(RefusalTest, GarbageOnASessionEndsItWithWordsAndTheNextOneWorks) {
  const grpc::Status no_hello = Say(false, [](v1::WorkerMessage& m) { m.mutable_heartbeat(); });
  EXPECT_EQ(no_hello.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(no_hello.error_message(), HasSubstr("Hello"));
  const std::function<void(v1::WorkerMessage&)> cases[] = {
      [](v1::WorkerMessage&) {},
      [](v1::WorkerMessage& m) { *m.mutable_hello() = FakeWorker::Hello("w1"); },
      [](v1::WorkerMessage& m) { m.mutable_ready()->set_free_slots(-3); },
      [](v1::WorkerMessage& m) { m.mutable_accept()->set_token(0); },
      [](v1::WorkerMessage& m) {
        m.mutable_refuse()->set_token(1);
        m.mutable_refuse()->set_reason(static_cast<v1::RefuseReason>(77));
      },
      [](v1::WorkerMessage& m) {
        m.mutable_progress()->set_token(1);
        m.mutable_progress()->set_phase(static_cast<v1::Phase>(77));
      },
      [](v1::WorkerMessage& m) {
        m.mutable_progress()->set_token(1);
        m.mutable_progress()->set_phase(v1::PHASE_BUILD);
        m.mutable_progress()->add_phases(static_cast<v1::Phase>(77));
      },
      [](v1::WorkerMessage& m) {
        m.mutable_progress()->set_token(1);
        m.mutable_progress()->set_phase(v1::PHASE_BUILD);
        for (int i = 0; i < 1000; ++i) m.mutable_progress()->add_phases(v1::PHASE_BUILD);
      },
      [](v1::WorkerMessage& m) {
        m.mutable_progress()->set_token(1);
        m.mutable_progress()->set_phase(v1::PHASE_BUILD);
        m.mutable_progress()->set_bytes_done(-1);
      },
      [](v1::WorkerMessage& m) {
        m.mutable_progress()->set_token(1);
        m.mutable_progress()->set_phase(v1::PHASE_BUILD);
        m.mutable_progress()->set_detail(std::string(100'000, 'x'));
      },
      [](v1::WorkerMessage& m) { m.mutable_report()->add_readiness()->set_target(static_cast<v1::Target>(9)); },
      [](v1::WorkerMessage& m) { m.mutable_report()->set_cache_bytes(-1); },
  };
  for (const auto& fill : cases) {
    const grpc::Status status = Say(true, fill);
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_FALSE(status.error_message().empty());
  }
  // A message beyond the limit ends the stream too; whether its status or the broken stream comes first is up to gRPC.
  EXPECT_FALSE(Say(true, [](v1::WorkerMessage& m) { m.mutable_refuse()->set_detail(std::string(5 << 20, 'x')); }).ok());
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  EXPECT_GT(worker.HearWelcome().session_id(), 0);
}

TEST_F(RefusalTest, ProgressOfAnUnknownTokenIsIgnored) {
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  worker.SayPhases(424242, {v1::PHASE_BUILD});
  v1::BatchRequest request;
  request.set_id(1);
  v1::FarmStatus status;
  ASSERT_TRUE(farm_->GetFarmStatus(Context().get(), {}, &status).ok());
  EXPECT_EQ(status.jobs().running(), 0);
}

TEST_F(RefusalTest, ProgressOfAnotherWorkersAttemptIsDroppedAndCounted) {
  FakeWorker worker(*worker_);
  const v1::Offer offer = RunningOffer(worker);
  FakeWorker liar(*worker_);
  liar.SayHello(FakeWorker::Hello("w2"));
  liar.HearWelcome();
  liar.SayPhases(offer.token(), {v1::PHASE_UPLOAD});
  EXPECT_TRUE(MetricsSoonHave("gofarm_progress_dropped_total 1"));
  const v1::Job job = GetJob(offer.job_id());
  ASSERT_EQ(job.attempts_size(), 1);
  EXPECT_NE(job.attempts(0).progress().phase(), v1::PHASE_UPLOAD);
}

TEST_F(RefusalTest, StaleTokenIsFencedEverywhere) {
  constexpr int64_t kStale = 999'999;
  LastSecret() = std::string(rpc::kSessionSecretBytes, 's');
  grpc::Status status;
  AppendLog(*worker_, kStale, 0, "x", &status);
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION) << status.error_message();
  EXPECT_EQ(Upload(*worker_, kStale, digest::Sha256Hex("x"), "x").error_code(), StatusCode::FAILED_PRECONDITION);
  v1::CompleteRequest failed;
  failed.set_token(kStale);
  failed.set_job_id(1);
  failed.set_outcome(v1::ATTEMPT_OUTCOME_FAILED);
  failed.set_failure_class(v1::FAILURE_CLASS_COMPILE_ERROR);
  v1::CompleteReply reply;
  EXPECT_EQ(worker_->Complete(Context().get(), failed, &reply).error_code(), StatusCode::FAILED_PRECONDITION);
}

TEST_F(RefusalTest, UploadsAndLogsThatBreakTheRulesAreRefused) {
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  Submit({"example.com/m@v1.0.0"}, "r1");
  worker.SayReady(1);
  const int64_t token = worker.HearOffer().token();
  worker.SayAccept(token);
  grpc::Status status;
  do {
    AppendLog(*worker_, token, 0, "abc", &status);
  } while (status.error_code() == StatusCode::UNAVAILABLE);
  ASSERT_TRUE(status.ok()) << status.error_message();
  AppendLog(*worker_, token, 500, "gap", &status);
  EXPECT_EQ(status.error_code(), StatusCode::OUT_OF_RANGE);
  AppendLog(*worker_, token, -1, "x", &status);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  AppendLog(*worker_, token, 3, std::string(300 << 10, 'x'), &status);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Upload(*worker_, token, "../../etc/passwd", "x").error_code(), StatusCode::INVALID_ARGUMENT);
  const auto context = Context();
  const auto stream = worker_->UploadBlob(context.get());
  v1::BlobChunk data;
  data.set_data("no header");
  stream->Write(data);
  stream->WritesDone();
  v1::BlobAck ack;
  EXPECT_FALSE(stream->Read(&ack));
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::INVALID_ARGUMENT);
}

TEST_F(RefusalTest, ReportsThatLieAreRefusedAndTheirJobsAreTriedAgain) {
  const std::function<void(v1::CompleteRequest&)> cases[] = {
      [](v1::CompleteRequest& r) { r.set_outcome(v1::ATTEMPT_OUTCOME_LOST); },
      [](v1::CompleteRequest& r) { r.set_outcome(static_cast<v1::AttemptOutcome>(50)); },
      [](v1::CompleteRequest& r) { r.set_failure_class(static_cast<v1::FailureClass>(50)); },
      [](v1::CompleteRequest& r) { r.mutable_executables(0)->set_size(-1); },
      [](v1::CompleteRequest& r) { r.mutable_executables(0)->set_sha256("abc"); },
      [](v1::CompleteRequest& r) { r.mutable_executables(0)->set_name("../evil"); },
      [](v1::CompleteRequest& r) { r.mutable_executables(0)->set_import_path("../../etc/cron.d/x"); },
      [](v1::CompleteRequest& r) { r.mutable_executables(0)->set_import_path("/etc/passwd"); },
      [](v1::CompleteRequest& r) { r.set_peak_memory_bytes(-1); },
      [](v1::CompleteRequest& r) { r.add_phases()->set_phase(static_cast<v1::Phase>(50)); },
      [](v1::CompleteRequest& r) {
        for (int i = 0; i < 10'001; ++i) r.add_failed_programs();
      },
  };
  const std::string bytes = StaticPie(Target::kX86_64);
  for (size_t i = 0; i < std::size(cases); ++i) {
    // Each lie of another worker: one that goes on lying is paused.
    FakeWorker worker(*worker_, absl::Seconds(60));
    worker.SayHello(FakeWorker::Hello(Cat("w", i)));
    worker.HearWelcome();
    Submit({Cat("example.com/m", i, "@v1.0.0")}, Cat("r", i));
    worker.SayReady(1);
    const v1::Offer offer = worker.HearOffer();
    worker.SayAccept(offer.token());
    grpc::Status status;
    do {
      status = Upload(*worker_, offer.token(), digest::Sha256Hex(bytes), bytes);
    } while (status.error_code() == StatusCode::UNAVAILABLE);
    ASSERT_TRUE(status.ok()) << status.error_message();
    v1::CompleteRequest bad = Built(offer.token(), offer.job_id(), "example.com/m", bytes);
    cases[i](bad);
    v1::CompleteReply reply;
    status = worker_->Complete(Context().get(), bad, &reply);
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << "case " << i << ": " << status.error_message();
    const v1::Job job = GetJob(offer.job_id());
    EXPECT_EQ(job.state(), v1::JOB_STATE_QUEUED) << "case " << i;
    ASSERT_EQ(job.attempts_size(), 1);
    EXPECT_EQ(job.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_FAILED) << "case " << i;
    EXPECT_EQ(job.attempts(0).failure_class(), v1::FAILURE_CLASS_INTERNAL) << "case " << i;
    EXPECT_EQ(job.executables_size(), 0) << "case " << i;
    // Its second try must not come instead of the next case.
    v1::JobRequest request;
    request.set_id(offer.job_id());
    v1::Job cancelled;
    ASSERT_TRUE(farm_->CancelJob(Context().get(), request, &cancelled).ok());
  }
}

TEST_F(RefusalTest, AnExecutableThatIsNotWhatItsReportSaysEndsNoJobAsBuilt) {
  const std::string good = StaticPie(Target::kX86_64);
  struct Case {
    std::string bytes;
    std::function<void(v1::Executable&)> change;
    std::string why;
  };
  const auto as_it_is = [](v1::Executable&) {};
  const Case cases[] = {
      {"hello", as_it_is, "the file: not an ELF file"},
      {StaticPie(Target::kAarch64), as_it_is, "is for aarch64, not x86_64"},
      {WithInterpreter(good), as_it_is, "has an interpreter (/lib64/ld-linux-x86-64.so.2)"},
      {good, [](v1::Executable& e) { e.set_size(e.size() + 1); }, "its size is"},
      {good, [](v1::Executable& e) { e.set_blake3(std::string(64, 'b')); }, "its BLAKE3 is"},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    const Case& wrong = cases[i];
    FakeWorker worker(*worker_, absl::Seconds(60));
    worker.SayHello(FakeWorker::Hello(Cat("w", i)));
    worker.HearWelcome();
    Submit({Cat("example.com/m", i, "@v1.0.0")}, Cat("r", i));
    worker.SayReady(1);
    const v1::Offer offer = worker.HearOffer();
    worker.SayAccept(offer.token());
    grpc::Status status;
    do {
      status = Upload(*worker_, offer.token(), digest::Sha256Hex(wrong.bytes), wrong.bytes);
    } while (status.error_code() == StatusCode::UNAVAILABLE);
    ASSERT_TRUE(status.ok()) << status.error_message();
    v1::CompleteRequest report = Built(offer.token(), offer.job_id(), "example.com/m", wrong.bytes);
    wrong.change(*report.mutable_executables(0));
    v1::CompleteReply reply;
    status = worker_->Complete(Context().get(), report, &reply);
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << i;
    EXPECT_THAT(status.error_message(), HasSubstr(wrong.why)) << i;
    const v1::Job job = GetJob(offer.job_id());
    EXPECT_EQ(job.state(), v1::JOB_STATE_QUEUED) << i;
    ASSERT_EQ(job.attempts_size(), 1);
    EXPECT_EQ(job.attempts(0).failure_class(), v1::FAILURE_CLASS_TOOLCHAIN_BROKEN) << i;
    EXPECT_THAT(job.attempts(0).failure_detail(), HasSubstr(wrong.why)) << i;
    v1::JobRequest request;
    request.set_id(offer.job_id());
    v1::Job cancelled;
    ASSERT_TRUE(farm_->CancelJob(Context().get(), request, &cancelled).ok());
  }
}

TEST_F(RefusalTest, BadSubmissionsStoreNothing) {
  grpc::Status status;
  Submit({}, "r1", false, &status);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  Submit({"example.com/a@v1.0.0", "GitHub.com/x/y@v1.0.0", "example.com/b@1.2"}, "r2", false, &status);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("line 2"));
  EXPECT_THAT(status.error_message(), HasSubstr("line 3"));
  Submit({"example.com/a@v9.9.9"}, "r3", false, &status);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("v9.9.9"));
  EXPECT_EQ(Count("SELECT count(*) FROM batches"), 0);
}

TEST_F(RefusalTest, SubmissionThatBrokeOffStoresNothing) {
  v1::SubmitReply reply;
  const auto context = Context();
  const auto stream = farm_->Submit(context.get(), &reply);
  v1::SubmitChunk chunk;
  chunk.mutable_header()->set_request_id("r1");
  chunk.mutable_header()->set_entries(2);
  stream->Write(chunk);
  chunk.mutable_entries()->add_entries()->set_module("example.com/only-one");
  stream->Write(chunk);
  stream->WritesDone();
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::ABORTED);
  EXPECT_EQ(Count("SELECT count(*) FROM batches"), 0);
}

TEST_F(RefusalTest, UnknownIdsAreNotFoundAndRepeated) {
  v1::BatchRequest batch;
  batch.set_id(999'999);
  v1::Batch b;
  grpc::Status status = farm_->GetBatch(Context().get(), batch, &b);
  EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("999999"));
  v1::JobRequest job;
  job.set_id(888'888);
  v1::Job j;
  status = farm_->GetJob(Context().get(), job, &j);
  EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("888888"));
  const auto context = Context();
  const auto watch = farm_->WatchBatch(context.get(), batch);
  v1::BatchUpdate update;
  EXPECT_FALSE(watch->Read(&update));
  EXPECT_EQ(watch->Finish().error_code(), StatusCode::NOT_FOUND);
}

TEST_F(RefusalTest, WorkerThatStopsReadingLosesItsStreamAndNobodyElseDoes) {
  FakeWorker deaf(*worker_);
  deaf.SayHello(FakeWorker::Hello("deaf"));
  deaf.HearWelcome();
  Offer offer;
  offer.token = AttemptToken{1};
  offer.module = std::string(10'000, 'm');
  // The first stream of this coordinator. Far more than flow control and the queue hold.
  for (int i = 0; i < 5'000; ++i) server_->sessions().Send(dispatch::StreamId{1}, 1, offer);
  const grpc::Status status = deaf.AwaitEnd();
  EXPECT_FALSE(status.ok());
  FakeWorker other(*worker_);
  other.SayHello(FakeWorker::Hello("other"));
  EXPECT_GT(other.HearWelcome().session_id(), 0);
}

TEST_F(RefusalTest, HealthIsServedTheStandardWay) {
  grpc::GenericStub stub(channel_);
  grpc::CompletionQueue queue;
  const grpc::Slice nothing;  // an empty HealthCheckRequest: the server as a whole
  const grpc::ByteBuffer request(&nothing, 1);
  grpc::ByteBuffer reply;
  grpc::Status status;
  const auto context = Context();
  const auto call = stub.PrepareUnaryCall(context.get(), "/grpc.health.v1.Health/Check", request, &queue);
  call->StartCall();
  call->Finish(&reply, &status, context.get());
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  ASSERT_TRUE(status.ok()) << status.error_message();
  std::vector<grpc::Slice> slices;
  ASSERT_TRUE(reply.Dump(&slices).ok());
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(slices[0].begin()), slices[0].size()), "\x08\x01") << "SERVING";
}

}  // namespace
}  // namespace gofarm::testing
