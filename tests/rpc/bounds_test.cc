// What one client, or one job, may take from all others: nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/vocab/worker_report.h"
#include "coordinator/rpc/convert.h"
#include "coordinator/rpc/server.h"
#include "coordinator/rpc/submit_stream.h"
#include "tests/rpc/farm_server.h"

namespace gofarm::testing {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

class BoundsTest : public RpcTest {
 protected:
  struct Submission {
    std::unique_ptr<grpc::ClientContext> context;
    std::unique_ptr<v1::SubmitReply> reply = std::make_unique<v1::SubmitReply>();
    std::unique_ptr<grpc::ClientWriter<v1::SubmitChunk>> stream;
  };
  // Its header only; the client is slow from there on.
  Submission Begin(const std::string& request_id) {
    Submission submission{.context = Context()};
    submission.stream = farm_->Submit(submission.context.get(), submission.reply.get());
    v1::SubmitChunk chunk;
    chunk.mutable_header()->set_request_id(request_id);
    submission.stream->Write(chunk);
    return submission;
  }
  void Store(const std::string& bytes) {
    auto upload = server_->blobs().BeginUpload(digest::Sha256Hex(bytes), static_cast<int64_t>(bytes.size()));
    ASSERT_TRUE(upload.ok()) << upload.status();
    for (size_t at = 0; at < bytes.size(); at += 1 << 20)
      ASSERT_TRUE((*upload)->Append(bytes.substr(at, 1 << 20)).ok());
    ASSERT_TRUE((*upload)->Finish().ok());
  }
};

TEST_F(BoundsTest, ClientsThatDoNotReadTheirDownloadsHoldUpNobody) {
  const std::string bytes(48 << 20, 'x');  // more than gRPC ever takes in for a reader that does not read
  Store(bytes);
  v1::DownloadRequest request;
  request.set_sha256(digest::Sha256Hex(bytes));
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::BlobData>>> streams;
  v1::BlobData first;
  for (int i = 0; i < rpc::kTransfersMax; ++i) {
    contexts.push_back(Context(absl::Seconds(100)));  // all of them last until the end of the test
    streams.push_back(farm_->Download(contexts.back().get(), request));
    ASSERT_TRUE(streams.back()->Read(&first));
  }
  const auto more_context = Context();
  const auto more = farm_->Download(more_context.get(), request);
  EXPECT_FALSE(more->Read(&first));
  EXPECT_EQ(more->Finish().error_code(), StatusCode::RESOURCE_EXHAUSTED);
  const v1::SubmitReply reply = Submit({"example.com/hello@v1.0.0"}, "r1");
  EXPECT_EQ(JobsOf(reply.batch().id()).size(), 1u);
  for (size_t i = 0; i < streams.size(); ++i) {
    contexts[i]->TryCancel();
    EXPECT_EQ(streams[i]->Finish().error_code(), StatusCode::CANCELLED);
  }
}

TEST_F(BoundsTest, SubmissionsThatNeverEndAreLimitedInNumber) {
  std::vector<Submission> slow;
  for (int i = 0; i < rpc::kSubmissionsMax; ++i) slow.push_back(Begin(Cat("slow", i)));
  // That all of them arrived is known when one more is refused.
  grpc::Status status = grpc::Status::OK;
  for (int i = 0; status.ok() && i < 100; ++i) Submit({"example.com/hello@v1.0.0"}, Cat("r", i), false, &status);
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("submissions are coming in"));
  for (Submission& submission : slow) {
    submission.context->TryCancel();
    EXPECT_FALSE(submission.stream->Finish().ok());
  }
  status = grpc::Status(StatusCode::UNKNOWN, "not asked");
  for (int i = 0; !status.ok() && i < 1000; ++i) Submit({"example.com/hello@v1.0.0"}, Cat("later", i), false, &status);
  EXPECT_TRUE(status.ok()) << "their places are free again: " << status.error_message();
}

TEST_F(BoundsTest, ASubmissionIsLimitedInTime) {
  adjust_ = [](rpc::ServerParts& parts) { parts.submit_read_max = absl::Milliseconds(300); };
  Restart();
  Submission slow = Begin("slow");
  const grpc::Status status = slow.stream->Finish();
  EXPECT_EQ(status.error_code(), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_THAT(status.error_message(), HasSubstr("did not end within 300ms; nothing was stored"));
  EXPECT_EQ(Sql("SELECT count(*) FROM batches"), "0");
  Submit({"example.com/hello@v1.0.0"}, "quick");
}

TEST_F(BoundsTest, ASubmissionIsLimitedInBytesBeforeItIsWhole) {
  Submission big = Begin("big");
  v1::SubmitChunk chunk;
  for (int i = 0; i < 500; ++i) {
    v1::SubmitChunk::Entry& entry = *chunk.mutable_entries()->add_entries();
    entry.set_line(i + 1);
    entry.set_module(std::string(rpc::kEntryTextMax, 'm'));
    entry.set_version("v1.0.0");
  }
  int written = 0;
  while (written < 100 && big.stream->Write(chunk)) ++written;
  EXPECT_LT(written, 100) << "200 MB were taken";
  const grpc::Status status = big.stream->Finish();
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("at most 64 MiB; split it"));
  EXPECT_EQ(Sql("SELECT count(*) FROM batches"), "0");
}

TEST_F(BoundsTest, AJobWhoseAttemptsExceedAMessageIsShownAndListed) {
  const int64_t batch = Submit({"example.com/hello@v1.0.0"}, "r1").batch().id();
  const int64_t job = JobsOf(batch).at(0).id();
  Sql(
      Cat("WITH a AS (INSERT INTO attempts (token, job_id, worker, outcome, ended_at) "
          "SELECT nextval('attempt_tokens'), ",
          job,
          ", 'w', 5, now() FROM generate_series(1, 6) RETURNING token) "
          "INSERT INTO reports SELECT token, jsonb_build_object('variants', jsonb_build_array(jsonb_build_object("
          "'variant', 'source', 'outcome', 'failed', 'argv', '[\"go\", \"build\"]'::jsonb, "
          "'environment', '[\"A=b\"]'::jsonb, 'go_mod', repeat('x', 1000000), 'working_directory', '/src'))) FROM a"));
  const v1::Job shown = GetJob(job);
  ASSERT_EQ(shown.attempts_size(), 6);
  EXPECT_LE(shown.ByteSizeLong(), size_t{3} << 20);
  EXPECT_EQ(shown.attempts(5).variants(0).go_mod().size(), 1'000'000u) << "the newest attempt is whole";
  EXPECT_EQ(shown.attempts(0).variants(0).go_mod(), "");
  EXPECT_EQ(shown.attempts(0).variants(0).argv_size(), 2) << "no more is left out than must be";
  const v1::Job listed = JobsOf(batch).at(0);
  ASSERT_EQ(listed.attempts_size(), 6);
  EXPECT_EQ(listed.attempts(5).variants(0).variant(), "source");
  EXPECT_EQ(listed.attempts(5).variants(0).go_mod(), "") << "lists are brief";
  EXPECT_EQ(listed.attempts(5).variants(0).argv_size(), 0);
}

// All that a report may hold, in characters that are four times as long once they are escaped.
v1::WorkerMessage FullReport() {
  v1::WorkerMessage message;
  for (size_t i = 0; i < kWorkerReportRowsMax; ++i) {
    v1::InstalledToolchain& toolchain = *message.mutable_report()->add_toolchains();
    toolchain.set_kind(std::string(kWorkerTextMax, '\x01'));
    toolchain.set_version(std::string(kWorkerTextMax, '\x01'));
    toolchain.set_path(std::string(kWorkerDetailMax, '\x01'));
    toolchain.set_sha256(std::string(kWorkerTextMax, '\x01'));
    v1::TargetReadiness& ready = *message.mutable_report()->add_readiness();
    ready.set_target(v1::TARGET_X86_64);
    ready.set_state(v1::READINESS_STATE_FAILED);
    ready.set_detail(std::string(kWorkerDetailMax, '\x01'));
    ready.set_toolset(std::string(kWorkerTextMax, '\x01'));
  }
  return message;
}

TEST_F(BoundsTest, WorkersWithFullReportsAreListedHoweverManyTheyAre) {
  constexpr int kWorkers = 5;
  const v1::WorkerMessage report = FullReport();
  for (int i = 0; i < kWorkers; ++i) {
    FakeWorker worker(*worker_);
    worker.SayHello(FakeWorker::Hello(Cat("w", i)));
    worker.HearWelcome();
    worker.Say(report);
    const auto shown = [&] {
      for (const v1::WorkerRow& row : Workers()) {
        if (row.name() == Cat("w", i)) return row.toolchains_size();
      }
      return 0;
    };
    while (shown() == 0) {
    }
  }
  const std::vector<v1::WorkerRow> workers = Workers();
  ASSERT_EQ(workers.size(), static_cast<size_t>(kWorkers));
  for (const v1::WorkerRow& row : workers) {
    EXPECT_EQ(row.toolchains_size(), static_cast<int>(kWorkerReportRowsMax));
    EXPECT_EQ(row.toolchains(0).path().size(), kWorkerDetailMax);
    EXPECT_LE(row.ByteSizeLong(), size_t{3} << 20);
  }
  EXPECT_EQ(Workers(/*brief=*/true).size(), static_cast<size_t>(kWorkers));
  // As after a restart: all of it comes from the store, page by page.
  Sql("INSERT INTO workers (name, report) SELECT 'x' || n, '{}' FROM generate_series(1, 100) n");
  Restart();
  EXPECT_EQ(Workers().size(), kWorkers + 100u);
  v1::FarmStatus status;
  EXPECT_TRUE(farm_->GetFarmStatus(Context().get(), {}, &status).ok());
}

TEST_F(BoundsTest, AWatchOutlivesWhateverItsAttemptsSay) {
  constexpr int kAttempts = 150;
  FakeWorker worker(*worker_, absl::Seconds(100));
  v1::Hello hello = FakeWorker::Hello("w1");
  hello.set_slots(kAttempts);
  worker.SayHello(hello);
  worker.HearWelcome();
  std::vector<std::string> modules;
  for (int i = 0; i < kAttempts; ++i) modules.push_back(Cat("example.com/m", i, "@v1.0.0"));
  const int64_t batch = Submit(modules, "r1").batch().id();
  worker.SayReady(kAttempts);
  std::vector<int64_t> tokens;
  while (tokens.size() < kAttempts) {
    tokens.push_back(worker.HearOffer().token());
    worker.SayAccept(tokens.back());
  }
  v1::BatchRequest request;
  request.set_id(batch);
  const auto context = Context(absl::Seconds(60));
  const auto stream = farm_->WatchBatch(context.get(), request);
  v1::BatchUpdate update;
  ASSERT_TRUE(stream->Read(&update));
  for (const v1::Phase phase : {v1::PHASE_SEED, v1::PHASE_FETCH, v1::PHASE_BUILD}) {
    for (const int64_t token : tokens) {
      v1::WorkerMessage message;
      v1::Progress& progress = *message.mutable_progress();
      progress.set_token(token);
      progress.set_phase(phase);
      progress.set_detail(std::string(rpc::kDetailMax, '\x01'));
      worker.Say(message);
    }
  }
  int built = 0;
  while (built < kAttempts && stream->Read(&update)) {
    EXPECT_LE(update.ByteSizeLong(), size_t{3} << 20);
    for (const v1::JobEvent& event : update.events()) built += event.phase() == v1::PHASE_BUILD ? 1 : 0;
  }
  EXPECT_EQ(built, kAttempts);
  context->TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::CANCELLED);
  EXPECT_EQ(Workers().at(0).running_size(), kAttempts);
}

TEST_F(BoundsTest, AJobOfManyProgramsIsShown) {
  const int64_t job = JobsOf(Submit({"example.com/hello@v1.0.0"}, "r1").batch().id()).at(0).id();
  Sql(
      Cat("WITH a AS (INSERT INTO attempts (token, job_id, worker, outcome, ended_at, failure_class) "
          "SELECT nextval('attempt_tokens'), ",
          job,
          ", 'w', 3, now(), 5 RETURNING token), j AS (UPDATE jobs SET state = 4, failure_class = 5, ended_at = now(), "
          "result_token = (SELECT token FROM a) "
          "WHERE id = ",
          job,
          ") INSERT INTO reports SELECT token, jsonb_build_object('failed_programs', "
          "(SELECT jsonb_agg(jsonb_build_object('import_path', 'example.com/hello/' || n, 'name', 'p' || n, "
          "'failure_class', 5, 'failure_detail', repeat('x', 4000))) FROM generate_series(1, 4096) n)) "
          "FROM a"));
  const v1::Job shown = GetJob(job);
  EXPECT_LE(shown.ByteSizeLong(), size_t{3} << 20);
  EXPECT_EQ(shown.failed_programs_size(), 4096);
  EXPECT_EQ(shown.failed_programs(0).failure_detail().size(), 200u);
  ASSERT_EQ(shown.attempts_size(), 1);
  ASSERT_EQ(shown.attempts(0).omitted_size(), 1);
  EXPECT_EQ(shown.attempts(0).omitted(0).part(), v1::REPORT_PART_FAILURE_DETAIL);
  EXPECT_EQ(shown.attempts(0).omitted(0).items(), 4096);
}

TEST_F(BoundsTest, ASocketThatSomebodyServesIsNotTaken) {
  EXPECT_EQ(rpc::FreeSocket(Cat(dir_, "/s")).code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(rpc::FreeSocket(Cat(dir_, "/nobody")).ok());
  EXPECT_EQ(rpc::FreeSocket(dir_).code(), absl::StatusCode::kFailedPrecondition);
  Submit({"example.com/hello@v1.0.0"}, "r1");
}

TEST_F(BoundsTest, ADeadSocketIsTakenOver) {
  const std::string path = Cat(dir_, "/dead");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  {
    const io::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(fd.get(), 1), 0);
    EXPECT_EQ(rpc::FreeSocket(path).code(), absl::StatusCode::kUnavailable) << "somebody listens";
  }
  struct stat st;
  ASSERT_EQ(::lstat(path.c_str(), &st), 0) << "a killed process leaves its socket behind";
  EXPECT_TRUE(rpc::FreeSocket(path).ok());
  EXPECT_NE(::lstat(path.c_str(), &st), 0);
}

}  // namespace
}  // namespace gofarm::testing
