// What messages from outside may take of the coordinator's memory: little messages that are much once they are parsed,
// many large ones at once, compressed ones. What was taken comes back. Client and server share this process, so a
// figure holds what the client keeps too.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <thread>
#include <utility>

#include "common/base/text.h"
#include "common/rpc/session_secret.h"
#include "coordinator/rpc/server.h"
#include "tests/rpc/farm_server.h"

namespace gofarm::testing {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

constexpr size_t kMiB = 1 << 20;
constexpr size_t kLargest = 4 * kMiB - 64;  // a message may have 4 MiB
constexpr char kComplete[] = "/gofarm.v1.Worker/Complete";

// "VmRSS" or "VmHWM" of this process, in MiB.
int64_t Memory(const std::string& what) {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  char line[256];
  long kib = 0;
  while (file != nullptr && std::fgets(line, sizeof line, file) != nullptr) {
    if (std::string(line).rfind(what + ":", 0) == 0) std::sscanf(line + what.size() + 1, "%ld", &kib);
  }
  if (file != nullptr) std::fclose(file);
  return kib / 1024;
}
// The highest figure counts from now on.
void ForgetPeak() {
  const int fd = ::open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(fd, "5", 1);
  ::close(fd);
}

// `head`, then `element` again and again, kLargest bytes in all.
grpc::ByteBuffer Filled(std::string head, const std::string& element) {
  while (head.size() + element.size() <= kLargest) head += element;
  const grpc::Slice slice(head);
  return grpc::ByteBuffer(&slice, 1);
}
// A field of a message type, without content.
std::string Empty(int field) { return {static_cast<char>(field << 3 | 2), 0}; }
// Token 424242 of job 1, then empty executables: two bytes each on the wire.
grpc::ByteBuffer ManyExecutables() {
  v1::CompleteRequest request;
  request.set_token(424242);
  request.set_job_id(1);
  return Filled(request.SerializeAsString(), Empty(6));
}

class MemoryTest : public RpcTest {
 protected:
  // A call of a worker carries a secret; whether it is the right one is asked after its size.
  void SetUp() override {
    RpcTest::SetUp();
    LastSecret() = std::string(rpc::kSessionSecretBytes, 's');
  }

  grpc::Status Call(const std::string& method, const grpc::ByteBuffer& request, bool compressed = false) {
    const std::unique_ptr<grpc::ClientContext> context = Context(absl::Seconds(60));
    if (compressed) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    grpc::GenericStub stub(channel_);
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareUnaryCall(context.get(), method, request, &queue);
    call->StartCall();
    grpc::ByteBuffer reply;
    grpc::Status status;
    call->Finish(&reply, &status, this);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return status;
  }
};

TEST_F(MemoryTest, CompletionsOfUnknownTokensTakeLittleAndGiveItBack) {
  const grpc::ByteBuffer request = ManyExecutables();
  Call(kComplete, request);
  const int64_t before = Memory("VmRSS");
  ForgetPeak();
  constexpr int kThreads = 8, kCalls = 4;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCalls; ++i) {
        const grpc::Status status = Call(kComplete, request);
        EXPECT_TRUE(status.error_code() == StatusCode::FAILED_PRECONDITION ||
                    status.error_code() == StatusCode::RESOURCE_EXHAUSTED)
            << status.error_message();
      }
    });
  }
  threads.clear();
  const int64_t peak = Memory("VmHWM");
  int64_t after = Memory("VmRSS");
  for (int i = 0; i < 50 && after > before + 32; ++i) {
    absl::SleepFor(absl::Milliseconds(100));
    after = Memory("VmRSS");
  }
  std::printf("%d completions of %zu MiB: %ld MiB before, %ld at most, %ld after\n", kThreads * kCalls, kLargest / kMiB,
              static_cast<long>(before), static_cast<long>(peak), static_cast<long>(after));
  EXPECT_LT(peak - before, 256) << "raw bytes of what comes at once, and no more";
  EXPECT_LT(after - before, 64) << "it comes back";
}

TEST_F(MemoryTest, ManySmallPartsOfASessionsMessageAreRefusedUnparsed) {
  // A report (field 7) of empty toolchains: two bytes each.
  std::string toolchains;
  while (toolchains.size() + 2 <= kLargest) toolchains += Empty(1);
  v1::WorkerMessage message;
  message.mutable_report();
  std::string head = message.SerializeAsString();
  head.pop_back();  // the length of what is empty
  for (size_t length = toolchains.size(); length > 0; length >>= 7)
    head += static_cast<char>((length & 0x7f) | (length > 0x7f ? 0x80 : 0));
  const grpc::Slice slice(head + toolchains);
  grpc::ByteBuffer raw(&slice, 1);
  ForgetPeak();
  const int64_t before = Memory("VmRSS");
  const grpc::Status status = Call("/gofarm.v1.Worker/Session", raw);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("WorkerReport.toolchains: more than 256 in one message"));
  EXPECT_LT(Memory("VmHWM") - before, 100);
}

TEST_F(MemoryTest, RequestsThatAreSmallByNatureMustBeSmall) {
  // Fields that nobody knows are kept when a request is parsed.
  const grpc::Status status = Call("/gofarm.v1.Farm/GetBatch", Filled("", Empty(15)));
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("KiB of memory, at most 64 are given to one"));
}

TEST_F(MemoryTest, WhatIsCompressedIsNotTaken) {
  ForgetPeak();
  const int64_t before = Memory("VmRSS");
  grpc::ByteBuffer request = ManyExecutables();
  const grpc::Status status = Call(kComplete, request, /*compressed=*/true);
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.error_code(), StatusCode::FAILED_PRECONDITION) << "its bytes were read";
  EXPECT_LT(Memory("VmHWM") - before, 100);
  EXPECT_EQ(Call(kComplete, request).error_code(), StatusCode::FAILED_PRECONDITION) << "the next one is taken";
}

TEST_F(MemoryTest, AReportThatTheBudgetHasNoRoomForIsTakenLater) {
  adjust_ = [](rpc::ServerParts& parts) { parts.bytes_in_flight_max = 1 * kMiB; };
  Restart();
  FakeWorker worker(*worker_);
  const v1::Offer offer = RunningOffer(worker);
  v1::CompleteRequest failed;
  failed.set_token(offer.token());
  failed.set_job_id(offer.job_id());
  failed.set_outcome(v1::ATTEMPT_OUTCOME_FAILED);
  failed.set_failure_class(v1::FAILURE_CLASS_COMPILE_ERROR);
  for (int i = 0; i < 20; ++i) {
    v1::VariantTry& variant = *failed.add_variants();
    variant.set_outcome(v1::VARIANT_OUTCOME_FAILED);
    variant.set_go_mod(std::string(100 << 10, 'x'));
  }
  v1::CompleteReply reply;
  const grpc::Status busy = worker_->Complete(Context().get(), failed, &reply);
  EXPECT_EQ(busy.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(busy.error_message(), HasSubstr("of 1 MiB; try again in a moment"));
  EXPECT_EQ(GetJob(offer.job_id()).state(), v1::JOB_STATE_RUNNING) << "it may still be told";
  grpc::Status status;
  EXPECT_EQ(AppendLog(*worker_, offer.token(), 0, "abc", &status), 3) << "what is small passes";
  worker.End();
  adjust_ = nullptr;
  Restart();
  const grpc::Status taken = worker_->Complete(Context().get(), failed, &reply);
  EXPECT_TRUE(taken.ok()) << taken.error_message();
  EXPECT_EQ(worker_->Complete(Context().get(), failed, &reply).error_code(), StatusCode::OK) << "a repeat";
  EXPECT_EQ(reply.job_state(), v1::JOB_STATE_FAILED);
}

}  // namespace
}  // namespace gofarm::testing
