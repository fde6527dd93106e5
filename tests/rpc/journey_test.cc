// What goes well: a job from its submission to its download, through restarts and broken connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <set>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/vocab/failure.h"
#include "tests/rpc/farm_server.h"
#include "tests/support/elf_maker.h"

namespace gofarm::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

constexpr char kModule[] = "example.com/hello@v1.0.0";
const std::string kBytes = StaticPie(Target::kX86_64, 200'000) + "program";

class JourneyTest : public RpcTest {
 protected:
  static std::string StepOf(const v1::JobEvent& e) {
    return std::string(e.has_state() ? Name(static_cast<JobState>(e.state())) : Name(static_cast<Phase>(e.phase())));
  }
  // The events of a whole watch.
  std::vector<std::string> Watch(int64_t batch, v1::BatchUpdate* last = nullptr) {
    v1::BatchRequest request;
    request.set_id(batch);
    const auto context = Context();
    const auto stream = farm_->WatchBatch(context.get(), request);
    std::vector<std::string> events;
    v1::BatchUpdate update;
    while (stream->Read(&update)) {
      for (const v1::JobEvent& e : update.events()) events.push_back(StepOf(e));
      if (last != nullptr) *last = update;
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return events;
  }
  std::string Download(const std::string& sha256, int64_t offset = 0) {
    v1::DownloadRequest request;
    request.set_sha256(sha256);
    request.set_offset(offset);
    const auto context = Context();
    const auto stream = farm_->Download(context.get(), request);
    std::string out;
    v1::BlobData data;
    while (stream->Read(&data)) out += data.data();
    const grpc::Status status = stream->Finish();
    return status.ok() ? out : status.error_message();
  }
  std::string ReadLog(int64_t job, bool follow = false) {
    v1::ReadLogRequest request;
    request.set_job_id(job);
    request.set_follow(follow);
    const auto context = Context();
    const auto stream = farm_->ReadLog(context.get(), request);
    std::string out;
    bool ended = false;
    v1::LogData data;
    while (stream->Read(&data)) {
      out += data.data();
      ended |= data.end();
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok() && ended) << status.error_message();
    return out;
  }
  v1::CompleteReply Complete(const v1::CompleteRequest& request) {
    v1::CompleteReply reply;
    grpc::Status status;
    // The Accept may not be stored yet: a worker asks again.
    do {
      status = worker_->Complete(Context().get(), request, &reply);
    } while (status.error_code() == grpc::StatusCode::UNAVAILABLE);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return reply;
  }
  // Until the store took the Accept, as a worker would.
  void AppendWhenAccepted(int64_t token, int64_t offset, const std::string& data) {
    grpc::Status status;
    do {
      AppendLog(*worker_, token, offset, data, &status);
    } while (status.error_code() == grpc::StatusCode::UNAVAILABLE);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  v1::Offer TakeOffer(FakeWorker& worker) {
    worker.SayReady(1);
    const v1::Offer offer = worker.HearOffer();
    worker.SayAccept(offer.token());
    return offer;
  }
};

TEST_F(JourneyTest, JobGoesFromSubmissionToDownload) {
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  const v1::Welcome welcome = worker.HearWelcome();
  EXPECT_GT(welcome.session_id(), 0);
  ASSERT_EQ(welcome.toolsets_size(), 1);
  EXPECT_EQ(welcome.toolsets(0).name(), "t1");

  const v1::SubmitReply submitted = Submit({kModule}, "r1");
  const int64_t batch = submitted.batch().id();
  ASSERT_GT(batch, 0);
  EXPECT_EQ(submitted.batch().jobs().queued(), 1);
  std::future<std::vector<std::string>> watched = std::async(std::launch::async, [&] { return Watch(batch); });

  const v1::Offer offer = TakeOffer(worker);
  EXPECT_EQ(offer.module(), "example.com/hello");
  EXPECT_EQ(offer.version(), "v1.0.0");
  EXPECT_EQ(offer.target(), v1::TARGET_X86_64);
  EXPECT_EQ(offer.toolset(), "t1");
  EXPECT_GT(offer.deadline_seconds(), 0);
  AppendWhenAccepted(offer.token(), 0, "build/install| hello\n");
  worker.SayPhases(offer.token(), {v1::PHASE_FETCH, v1::PHASE_BUILD});
  EXPECT_EQ(AppendLog(*worker_, offer.token(), 21, "build/install| more\n"), 41);

  const std::string sha256 = digest::Sha256Hex(kBytes);
  ASSERT_TRUE(Upload(*worker_, offer.token(), sha256, kBytes).ok());
  const v1::CompleteRequest report = Built(offer.token(), offer.job_id(), "example.com/hello/cmd/hello", kBytes);
  EXPECT_EQ(Complete(report).job_state(), v1::JOB_STATE_BUILT);
  EXPECT_EQ(Complete(report).job_state(), v1::JOB_STATE_BUILT) << "a repeat gets the same answer";

  EXPECT_THAT(watched.get(), ElementsAre("queued", "running", "fetch", "build", "check", "upload", "built"));
  const v1::Job job = GetJob(offer.job_id());
  EXPECT_EQ(job.state(), v1::JOB_STATE_BUILT);
  ASSERT_EQ(job.attempts_size(), 1);
  EXPECT_EQ(job.attempts(0).token(), offer.token());
  EXPECT_EQ(job.attempts(0).worker(), "w1");
  ASSERT_EQ(job.executables_size(), 1);
  EXPECT_EQ(job.executables(0).sha256(), sha256);
  EXPECT_EQ(job.executables(0).name(), "hello");
  EXPECT_EQ(Download(sha256), kBytes);
  EXPECT_EQ(Download(sha256, 200'000), "program");
  EXPECT_EQ(ReadLog(offer.job_id()), "build/install| hello\nbuild/install| more\n");
}

TEST_F(JourneyTest, WatchThatComesLateShowsEveryStep) {
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  const int64_t batch = Submit({kModule}, "r1").batch().id();
  const v1::Offer offer = TakeOffer(worker);
  AppendWhenAccepted(offer.token(), 0, "x\n");
  ASSERT_TRUE(Upload(*worker_, offer.token(), digest::Sha256Hex(kBytes), kBytes).ok());
  Complete(Built(offer.token(), offer.job_id(), "example.com/hello", kBytes));
  v1::BatchUpdate last;
  EXPECT_THAT(Watch(batch, &last), ElementsAre("queued", "running", "fetch", "build", "check", "upload", "built"));
  EXPECT_EQ(last.batch().state(), v1::BATCH_STATE_DONE);
  EXPECT_EQ(last.batch().executables(), 1);
}

TEST_F(JourneyTest, WatchThatComesLateShowsWhatARunningAttemptCameTo) {
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  v1::BatchRequest request;
  request.set_id(Submit({kModule}, "r1").batch().id());
  const v1::Offer offer = TakeOffer(worker);
  AppendWhenAccepted(offer.token(), 0, "x\n");
  worker.SayPhases(offer.token(), {v1::PHASE_SEED, v1::PHASE_FETCH, v1::PHASE_BUILD});
  const auto context = Context();
  const auto stream = farm_->WatchBatch(context.get(), request);
  std::vector<std::string> steps;
  v1::BatchUpdate update;
  while ((steps.empty() || steps.back() != "build") && stream->Read(&update)) {
    for (const v1::JobEvent& e : update.events()) {
      steps.push_back(StepOf(e));
      EXPECT_EQ(e.token(), steps.back() == "queued" ? 0 : offer.token());
    }
  }
  EXPECT_THAT(steps, ElementsAre("queued", "running", "seed", "fetch", "build")) << "check and upload did not come yet";
  ASSERT_EQ(update.running_size(), 1);
  EXPECT_EQ(update.running(0).worker(), "w1");
  EXPECT_EQ(update.running(0).progress().phase(), v1::PHASE_BUILD);
  const v1::Job job = GetJob(offer.job_id());
  ASSERT_EQ(job.attempts_size(), 1);
  EXPECT_EQ(job.attempts(0).phase(), v1::PHASE_BUILD);
  EXPECT_EQ(job.attempts(0).progress().phases_size(), 3);
  const std::vector<v1::WorkerRow> workers = Workers();
  ASSERT_EQ(workers.size(), 1u);
  ASSERT_EQ(workers[0].running_size(), 1);
  EXPECT_EQ(workers[0].running(0).job_id(), offer.job_id());
  context->TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(JourneyTest, RepeatedRequestGetsTheFirstAnswerAndMakesNothingNew) {
  const v1::SubmitReply first = Submit({kModule}, "same-id");
  const v1::SubmitReply second = Submit({kModule}, "same-id");
  EXPECT_FALSE(first.repeated_request());
  EXPECT_TRUE(second.repeated_request());
  EXPECT_EQ(first.batch().id(), second.batch().id());
  EXPECT_EQ(Count("SELECT count(*) FROM batches"), 1);
}

TEST_F(JourneyTest, BatchesThatRunAreListedAlone) {
  const int64_t first = Submit({kModule}, "r1").batch().id();
  v1::BatchRequest cancel;
  cancel.set_id(Submit({"example.com/other@v1.0.0"}, "r2").batch().id());
  v1::Batch cancelled;
  ASSERT_TRUE(farm_->CancelBatch(Context().get(), cancel, &cancelled).ok());
  const auto listed = [this](bool running) {
    v1::ListBatchesRequest request;
    request.set_limit(1);
    request.set_running(running);
    const auto context = Context();
    const auto stream = farm_->ListBatches(context.get(), request);
    std::vector<int64_t> ids;
    v1::BatchPage page;
    while (stream->Read(&page)) {
      for (const v1::Batch& batch : page.batches()) ids.push_back(batch.id());
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return ids;
  };
  EXPECT_THAT(listed(/*running=*/false), ElementsAre(cancel.id()));
  EXPECT_THAT(listed(/*running=*/true), ElementsAre(first));
}

TEST_F(JourneyTest, UploadGoesOnWhereItStopped) {
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  Submit({kModule}, "r1");
  const v1::Offer offer = TakeOffer(worker);
  AppendWhenAccepted(offer.token(), 0, "x\n");
  const std::string sha256 = digest::Sha256Hex(kBytes);
  int64_t offset = -1;
  EXPECT_TRUE(Upload(*worker_, offer.token(), sha256, kBytes, &offset, /*stop_after=*/128 << 10).ok());
  EXPECT_EQ(offset, 0);
  EXPECT_TRUE(Upload(*worker_, offer.token(), sha256, kBytes, &offset).ok());
  EXPECT_EQ(offset, 128 << 10);
  EXPECT_TRUE(Upload(*worker_, offer.token(), sha256, kBytes, &offset).ok());
  EXPECT_EQ(offset, static_cast<int64_t>(kBytes.size())) << "a known digest is skipped";
  EXPECT_EQ(Download(sha256), kBytes);
}

TEST_F(JourneyTest, UploadWithWrongBytesIsDataLossAndCanBeginAgain) {
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  Submit({kModule}, "r1");
  const v1::Offer offer = TakeOffer(worker);
  AppendWhenAccepted(offer.token(), 0, "x\n");
  const std::string sha256 = digest::Sha256Hex(kBytes);
  std::string wrong = kBytes;
  wrong[1000] = 'y';
  EXPECT_EQ(Upload(*worker_, offer.token(), sha256, wrong).error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_TRUE(absl::IsNotFound(server_->blobs().Open(sha256, 0).status()));
  int64_t offset = -1;
  EXPECT_TRUE(Upload(*worker_, offer.token(), sha256, kBytes, &offset).ok());
  EXPECT_EQ(offset, 0);
  EXPECT_EQ(Complete(Built(offer.token(), offer.job_id(), "example.com/hello", kBytes)).job_state(),
            v1::JOB_STATE_BUILT);
}

TEST_F(JourneyTest, ProgramWhoseBytesNeverCameIsNoProgram) {
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  Submit({kModule}, "r1");
  const v1::Offer offer = TakeOffer(worker);
  AppendWhenAccepted(offer.token(), 0, "x\n");
  v1::CompleteReply reply;
  const grpc::Status claimed =
      worker_->Complete(Context().get(), Built(offer.token(), offer.job_id(), "example.com/hello", kBytes), &reply);
  EXPECT_EQ(claimed.error_code(), grpc::StatusCode::FAILED_PRECONDITION) << claimed.error_message();
  EXPECT_EQ(GetJob(offer.job_id()).executables_size(), 0);
}

TEST_F(JourneyTest, RestartedCoordinatorTakesItsBuildBack) {
  v1::Offer offer;
  int64_t batch = 0;
  {
    FakeWorker worker(*worker_);
    worker.SayHello(FakeWorker::Hello("w1"));
    worker.HearWelcome();
    batch = Submit({kModule}, "r1").batch().id();
    offer = TakeOffer(worker);
    AppendWhenAccepted(offer.token(), 0, "before\n");
  }
  Restart();
  FakeWorker worker(*worker_, absl::Seconds(30), LastSecret());
  v1::Hello hello = FakeWorker::Hello("w1");
  hello.add_attempts()->set_token(offer.token());
  hello.mutable_attempts(0)->set_job_id(offer.job_id());
  hello.add_attempts()->set_token(offer.token() + 1000);
  hello.mutable_attempts(1)->set_job_id(offer.job_id());
  worker.SayHello(hello);
  EXPECT_EQ(AppendLog(*worker_, offer.token(), 7, "meanwhile\n"), 17) << "its lease runs, and so holds its secret";
  const v1::Welcome welcome = worker.HearWelcome();
  EXPECT_TRUE(welcome.session_secret().empty()) << "the secret stays the same";
  EXPECT_THAT(welcome.keep(), ElementsAre(offer.token()));
  EXPECT_THAT(welcome.drop(), ElementsAre(offer.token() + 1000));
  EXPECT_EQ(AppendLog(*worker_, offer.token(), 17, "after\n"), 23);
  worker.SayPhases(offer.token(), {v1::PHASE_FETCH, v1::PHASE_BUILD});
  ASSERT_TRUE(Upload(*worker_, offer.token(), digest::Sha256Hex(kBytes), kBytes).ok());
  EXPECT_EQ(Complete(Built(offer.token(), offer.job_id(), "example.com/hello", kBytes)).job_state(),
            v1::JOB_STATE_BUILT);
  const v1::Job job = GetJob(offer.job_id());
  ASSERT_EQ(job.attempts_size(), 1);
  EXPECT_EQ(job.attempts(0).token(), offer.token());
  EXPECT_EQ(ReadLog(offer.job_id()), "before\nmeanwhile\nafter\n");
  EXPECT_THAT(Watch(batch), ElementsAre("queued", "running", "fetch", "build", "check", "upload", "built"));
}

TEST_F(JourneyTest, FollowedLogEndsWithItsAttempt) {
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  const int64_t batch = Submit({kModule}, "r1").batch().id();
  const int64_t job = JobsOf(batch).at(0).id();
  // Begins before there is an attempt.
  std::future<std::string> followed = std::async(std::launch::async, [&] { return ReadLog(job, /*follow=*/true); });
  const v1::Offer offer = TakeOffer(worker);
  AppendWhenAccepted(offer.token(), 0, "one\n");
  AppendWhenAccepted(offer.token(), 4, "two\n");
  v1::CompleteRequest failed;
  failed.set_token(offer.token());
  failed.set_job_id(offer.job_id());
  failed.set_outcome(v1::ATTEMPT_OUTCOME_FAILED);
  failed.set_failure_class(v1::FAILURE_CLASS_COMPILE_ERROR);
  failed.set_failure_detail("x.go:1: undefined: \x1b[31mfoo");
  EXPECT_EQ(Complete(failed).job_state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(followed.get(), "one\ntwo\n");
  EXPECT_THAT(GetJob(job).failure_detail(), HasSubstr("\\x1b[31mfoo")) << "control characters of a worker are escaped";
}

TEST_F(JourneyTest, CancelReachesTheWorker) {
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  const int64_t batch = Submit({kModule}, "r1").batch().id();
  const v1::Offer offer = TakeOffer(worker);
  AppendWhenAccepted(offer.token(), 0, "x\n");
  v1::BatchRequest request;
  request.set_id(batch);
  v1::Batch cancelled;
  ASSERT_TRUE(farm_->CancelBatch(Context().get(), request, &cancelled).ok());
  const v1::CoordinatorMessage message = worker.Hear();
  ASSERT_TRUE(message.has_cancel()) << message.ShortDebugString();
  EXPECT_EQ(message.cancel().token(), offer.token());
  v1::CompleteRequest ended;
  ended.set_token(offer.token());
  ended.set_job_id(offer.job_id());
  ended.set_outcome(v1::ATTEMPT_OUTCOME_CANCELLED);
  EXPECT_EQ(Complete(ended).job_state(), v1::JOB_STATE_CANCELLED);
  EXPECT_THAT(Watch(batch), IsSupersetOf({"queued", "cancelled"}));
}

TEST_F(JourneyTest, CoordinatorThatStopsHangsUpOnWorkersAndWatchers) {
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  v1::BatchRequest request;
  request.set_id(Submit({kModule}, "r1").batch().id());
  const auto context = Context(absl::Seconds(60));
  const auto watch = farm_->WatchBatch(context.get(), request);
  v1::BatchUpdate update;
  ASSERT_TRUE(watch->Read(&update));
  const absl::Time began = absl::Now();
  server_.reset();
  EXPECT_LT(absl::Now() - began, rpc::kStopGrace) << "nobody was waited for";
  EXPECT_EQ(worker.AwaitEnd().error_code(), grpc::StatusCode::UNAVAILABLE);
  while (watch->Read(&update)) {
  }
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(JourneyTest, StreamsAreCountedAsTheyEndedForTheirClients) {
  const int64_t batch = Submit({kModule}, "r1").batch().id();
  EXPECT_TRUE(MetricsSoonHave("gofarm_rpc_calls_total{code=\"OK\",method=\"Submit\"} 1"));
  v1::BatchRequest request;
  request.set_id(batch);
  v1::BatchUpdate update;
  const auto left = Context();
  const auto leaving = farm_->WatchBatch(left.get(), request);
  ASSERT_TRUE(leaving->Read(&update));
  left->TryCancel();
  EXPECT_EQ(leaving->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(MetricsSoonHave("gofarm_rpc_calls_total{code=\"CANCELLED\",method=\"WatchBatch\"} 1"));
  const auto stays = Context();
  const auto staying = farm_->WatchBatch(stays.get(), request);
  ASSERT_TRUE(staying->Read(&update));
  server_.reset();
  while (staying->Read(&update)) {
  }
  EXPECT_EQ(staying->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(MetricsSoonHave("gofarm_rpc_calls_total{code=\"UNAVAILABLE\",method=\"WatchBatch\"} 1"));
}

TEST_F(JourneyTest, CoordinatorThatStopsDoesNotWaitForBuildsToEndTheirLogs) {
  Submit({kModule}, "r1");
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  worker.SayReady(1);
  const int64_t token = worker.HearOffer().token();
  worker.SayAccept(token);
  while (AppendLog(*worker_, token, 0, "x") < 0) absl::SleepFor(absl::Milliseconds(10));  // until the Accept is stored
  const auto context = Context(absl::Seconds(60));
  const auto log = worker_->AppendLog(context.get());
  v1::LogChunk chunk;
  chunk.set_token(token);
  v1::LogAck ack;
  ASSERT_TRUE(log->Write(chunk) && log->Read(&ack));
  EXPECT_EQ(ack.stored_offset(), 1);
  const absl::Time began = absl::Now();
  server_.reset();
  EXPECT_LT(absl::Now() - began, rpc::kStopGrace) << "a build may last an hour";
  while (log->Read(&ack)) {
  }
  EXPECT_EQ(log->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(JourneyTest, WorkersAreShownWithWhatTheyReport) {
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  worker.HearWelcome();
  v1::WorkerMessage message;
  v1::InstalledToolchain& go = *message.mutable_report()->add_toolchains();
  go.set_kind("go");
  go.set_version("1.26.8");
  go.set_path("/cache/go/bin/go");
  v1::TargetReadiness& ready = *message.mutable_report()->add_readiness();
  ready.set_target(v1::TARGET_X86_64);
  ready.set_state(v1::READINESS_STATE_READY);
  worker.Say(message);
  worker.SayReady(2);
  std::vector<v1::WorkerRow> workers = Workers();
  while (workers.size() != 1 || workers[0].toolchains_size() != 1 || workers[0].free_slots() != 2) workers = Workers();
  EXPECT_EQ(workers[0].name(), "w1");
  EXPECT_EQ(workers[0].state(), v1::WORKER_STATE_CONNECTED);
  EXPECT_EQ(workers[0].toolchains(0).path(), "/cache/go/bin/go");
  EXPECT_EQ(workers[0].readiness(0).state(), v1::READINESS_STATE_READY);
  const std::vector<v1::WorkerRow> brief = Workers(/*brief=*/true);
  ASSERT_EQ(brief.size(), 1u);
  EXPECT_EQ(brief[0].state(), v1::WORKER_STATE_CONNECTED);
  EXPECT_EQ(brief[0].toolchains_size() + brief[0].readiness_size(), 0);
  v1::FarmStatus status;
  ASSERT_TRUE(farm_->GetFarmStatus(Context().get(), {}, &status).ok());
  EXPECT_EQ(status.state(), "running");
  EXPECT_EQ(status.workers_connected(), 1);
}

TEST_F(JourneyTest, WaitingJobSaysWhy) {
  const int64_t batch = Submit({kModule}, "r1").batch().id();
  std::vector<v1::Job> jobs = JobsOf(batch);
  // The dispatcher reads the queue a moment later.
  while (jobs.at(0).wait_reason() == v1::WAIT_REASON_UNSPECIFIED) jobs = JobsOf(batch);
  EXPECT_EQ(jobs.at(0).wait_reason(), v1::WAIT_REASON_NO_WORKER);
}

}  // namespace
}  // namespace gofarm::testing
