// What one client, or one job, may take from all others: nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
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
